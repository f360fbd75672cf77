"""The body of a request: as many bytes as its head says, read only when the application asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from forewarn.web.head import Head


class Body:
    """What WSGI calls the input. `left` counts bytes that were not read, `rest` is what came after the body."""

    def __init__(self, head: Head, buffered: bytes, receive: Callable[[int], bytes], go_on: Callable[[], None]) -> None:
        self.left = head.length
        self.rest = buffered
        self._receive = receive
        self._go_on = go_on if "100-continue" in head.fields.get("expect", "").lower() else None

    def read(self, size: int = -1, /) -> bytes:
        """`size` bytes, all for -1; less when the client ends early. Raises OSError when it is too slow."""
        size = self.left if size < 0 else min(size, self.left)
        if size and self._go_on is not None:
            self._go_on()
            self._go_on = None
        parts = [self.rest[:size]]
        self.rest = self.rest[size:]
        missing = size - len(parts[0])
        try:
            while missing:
                parts.append(self._receive(missing))
                missing -= len(parts[-1])
        except ConnectionResetError:
            pass
        self.left -= size - missing
        return b"".join(parts)

    def readline(self, size: int = -1, /) -> bytes:
        """The whole rest: nothing here reads lines."""
        return self.read(size)

    def readlines(self, hint: int = -1, /) -> list[bytes]:
        """As `readline`."""
        return [self.read(hint)]

    def __iter__(self) -> Iterator[bytes]:
        yield self.read()
