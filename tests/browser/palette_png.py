"""Shrinks Chromium's screenshots: a page has few colours, so 256 of them, unfiltered and deflated hard, do."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 256
TRUE_COLOUR, INDEXED = 2, 3


def shrink(png: bytes) -> bytes:
    """Return an 8-bit RGB PNG with a palette: its most frequent colours stay exact, the rest move to the nearest.

    Raises ValueError for any other kind of PNG. Format: W3C PNG specification, sections 9, 10 and 11.
    """
    chunks = list(_chunks(png))
    width, height, depth, colour_type = struct.unpack(">IIBB", chunks[0][1][:10])
    if (depth, colour_type) != (8, TRUE_COLOUR):
        message = f"expected an 8-bit RGB PNG, found depth {depth}, colour type {colour_type}"
        raise ValueError(message)
    rows = list(_rows(zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT")), width * 3))
    pixels = [row[start : start + 3] for row in rows for start in range(0, width * 3, 3)]
    palette, index = _palette(pixels)
    body = b"".join(
        b"\0" + bytes(index[pixel] for pixel in pixels[start : start + width])
        for start in range(0, width * height, width)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, INDEXED, 0, 0, 0)
    return SIGNATURE + b"".join(
        (
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", b"".join(palette)),
            _chunk(b"IDAT", zlib.compress(body, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _rows(data: bytes, stride: int) -> Iterator[bytes]:
    """Undo the row filters of an RGB picture."""
    above = bytes(stride)
    for start in range(0, len(data), stride + 1):
        row = bytearray(data[start + 1 : start + 1 + stride])
        kind = data[start]
        for at in range(stride):
            left, corner = (row[at - 3], above[at - 3]) if at > 2 else (0, 0)
            row[at] = (row[at] + _predict(kind, left, above[at], corner)) & 0xFF
        above = bytes(row)
        yield above


def _predict(kind: int, left: int, up: int, corner: int) -> int:
    """Return the value a filter type (0 none, 1 sub, 2 up, 3 average, 4 Paeth) expects."""
    if kind < 4:
        return (0, left, up, (left + up) >> 1)[kind]
    distances = (abs(up - corner), abs(left - corner), abs(left + up - 2 * corner))
    return (left, up, corner)[distances.index(min(distances))]


def _palette(pixels: list[bytes]) -> tuple[list[bytes], dict[bytes, int]]:
    frequent = [colour for colour, _ in Counter(pixels).most_common()]
    palette = frequent[:COLOURS]
    index = {colour: place for place, colour in enumerate(palette)}
    for colour in frequent[COLOURS:]:
        index[colour] = min(range(COLOURS), key=lambda place: _distance(colour, palette[place]))
    return palette, index


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
