"""A TCP server that answers requests with scripted bytes: for what no HTTP library would ever send."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request gets: bytes or parts of them, a pause in seconds after each part, and what follows."""

    data: bytes | Iterable[bytes]
    then: Literal["keep", "close", "hang", "reset"] = "keep"
    pause: float = 0.0


def reset_on_close(connection: socket.socket) -> None:
    """Make `close()` send a reset: that is what a linger of zero seconds does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def ok(body: bytes, *headers: str, length: bool = True) -> bytes:
    """A whole answer with status 200."""
    lines = ["HTTP/1.1 200 OK", *([f"Content-Length: {len(body)}"] if length else []), *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class RawServer:
    """Answers the n-th request with the n-th reply, those after the last with the last.

    `heads` holds what was asked, `connections` counts connections.
    """

    def __init__(self, *replies: Reply | bytes, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.replies = [reply if isinstance(reply, Reply) else Reply(reply) for reply in replies]
        self.heads: list[bytes] = []
        self.connections = 0
        self._tls = tls
        self._stop = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        name = f"[{host}]" if ":" in host else host
        self.authority = f"{name}:{self._listener.getsockname()[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.authority}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            while self._answer(connection):
                pass
        connection.close()

    def _answer(self, connection: socket.socket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(1 << 16)
            if not received:
                return False
            head += received
        self.heads.append(head)
        reply = self.replies[min(len(self.heads), len(self.replies)) - 1]
        for part in [reply.data] if isinstance(reply.data, bytes) else reply.data:
            connection.sendall(part)
            if self._stop.wait(reply.pause):
                return False
        if reply.then == "hang":
            self._stop.wait()
        if reply.then == "reset":
            reset_on_close(connection)
        return reply.then == "keep"

    def __enter__(self) -> RawServer:  # noqa: PYI034  typing.Self needs Python 3.11
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for connection in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for connection in (self._listener, *self._open):
            connection.close()
