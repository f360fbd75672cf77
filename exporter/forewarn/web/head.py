"""The head of a request, read strictly: what is not plain HTTP/1 is refused with a status."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

END = b"\r\n\r\n"
_MOST_FIELDS = 64
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~]+) HTTP/([0-9]\.[0-9])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~\x80-\xff][ \t!-~\x80-\xff]*)?)")
_ONCE = frozenset({"host", "authorization", "content-length"})
_LENGTH = re.compile(r"[0-9]{1,18}")


class Refused(Exception):  # noqa: N818  it names what happens to the request
    """A request that is not answered by the application; `status` is the line that the client gets."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """A request line and its fields; names are in lower case."""

    method: str
    target: str
    version: str
    fields: Mapping[str, str]

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return int(self.fields.get("content-length", "0"))

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to use the connection again."""
        wish = self.fields.get("connection", "").lower()
        return "close" not in wish if self.version == "1.1" else "keep-alive" in wish


def parse(head: bytes) -> Head:
    """The head, without the empty line that ends it. Raises Refused."""
    first, *lines = head.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise Refused("400 Bad Request")
    method, target, version = (part.decode("ascii") for part in match.groups())
    if version not in ("1.0", "1.1"):
        raise Refused("505 HTTP Version Not Supported")
    if not target.startswith(("/", "*")):
        raise Refused("400 Bad Request")
    if len(lines) > _MOST_FIELDS:
        raise Refused("431 Request Header Fields Too Large")
    return Head(method, target, version, _fields(lines))


def _fields(lines: list[bytes]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise Refused("400 Bad Request")
        name, value = match[1].decode("ascii").lower(), match[2].decode("latin-1").rstrip(" \t")
        if name in fields and name in _ONCE:
            raise Refused("400 Bad Request")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    if "transfer-encoding" in fields:
        raise Refused("411 Length Required")
    if not _LENGTH.fullmatch(fields.get("content-length", "0")):
        raise Refused("400 Bad Request")
    return fields
