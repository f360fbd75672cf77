"""The head of an HTTP/1.1 answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Mapping

OK = 200
_END = b"\r\n\r\n"
_STATUS = re.compile(rb"[1-5][0-9][0-9]")
_USUAL = re.compile(
    rb"HTTP/1\.1 200 OK\r\n(?:date: [^\r\n]*\r\n|server: [^\r\n]*\r\n)*"
    rb"content-length: ([0-9]{1,18})\r\ncontent-type: ([^\r\n]*)\r\n\r\n"
)
"""As vLLM's server writes it: no field but these, so that none has to be looked for."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and fields; names are lower case."""

    status: int
    fields: Mapping[bytes, bytes]


def parse(data: bytes) -> tuple[Head, bytes] | None:
    """The head that `data` begins with and what follows it; None while its end is missing. Raises FetchError."""
    if usual := _USUAL.match(data):
        return Head(OK, {b"content-length": usual[1], b"content-type": usual[2]}), data[usual.end() :]
    text, end, rest = data.partition(_END)
    return (_general(text), rest) if end else None


def _general(text: bytes) -> Head:
    lines = text.split(b"\r\n")
    words = lines[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not _STATUS.fullmatch(words[1]):  # noqa: PLR2004  version and status
        raise FetchError("protocol", "answer is not HTTP/1")
    pairs = (line.partition(b":") for line in lines[1:])
    return Head(int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs})
