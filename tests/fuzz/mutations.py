"""Damage by a seeded generator: thousands of cases a minute, where hypothesis gives a dozen and shrinks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.page_mutations import LINES, MUTATIONS, TOKENS

if TYPE_CHECKING:
    import random

_KINDS = ("line", "line", "number", "number", "number", "number", "flip", "cut", "splice")
_NUMBERS = (
    b"0",
    b"3.0",
    b"4",
    b"1.5e+06",
    b"0.25",
    b"NaN",
    b"+Inf",
    b"-1",
    b"7e-05",
    b"12345678901234567890",
    b"1_000",
)


def changed_page(body: bytes, chance: random.Random) -> bytes:
    """The page with one to eight things changed, mostly one: of many changes one is refused, and hides the others."""
    for _ in range(chance.choice((1, 1, 1, 1, 2, 2, 3, 8))):
        kind = chance.choice(_KINDS)
        if kind in ("line", "number"):
            body = _line(body, chance) if kind == "line" else _numbers(body, chance)
        else:
            body = changed_bytes(body, chance, kind)
    return body


def _line(body: bytes, chance: random.Random) -> bytes:
    lines = body.split(b"\n")
    i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
    change = MUTATIONS[chance.choice(sorted(MUTATIONS))]
    return b"\n".join(change(lines, i, j, chance.choice(TOKENS).encode(), chance.choice(LINES)))


def _numbers(body: bytes, chance: random.Random) -> bytes:
    """Other numbers at the ends of some lines, as between two polls: what the shortcut of the parser is for."""
    lines = body.split(b"\n")
    for _ in range(chance.randint(1, 20)):
        at = chance.randrange(len(lines))
        if lines[at] and not lines[at].startswith(b"#"):
            lines[at] = lines[at].rpartition(b" ")[0] + b" " + chance.choice(_NUMBERS)
    return b"\n".join(lines)


def changed_bytes(body: bytes, chance: random.Random, kind: str = "") -> bytes:
    """The bytes with some flipped, cut off, or repeated elsewhere."""
    if not body:
        return body
    at, to = chance.randrange(len(body)), chance.randrange(len(body))
    kind = kind or chance.choice(("flip", "cut", "splice"))
    if kind == "flip":
        return body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]
    if kind == "cut":
        # Mostly near the end: a cut in the middle leaves little to disagree about.
        return body[: len(body) - chance.randrange(1, 200)] if chance.random() < 0.8 else body[:at]
    return body[:at] + body[to : to + chance.randrange(1, 60)] + body[at:]
