"""Damage by a seeded generator: thousands of cases a minute, where hypothesis gives a dozen and shrinks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tools.page_mutations import LINES, MUTATIONS, TOKENS

if TYPE_CHECKING:
    import random

_MOST_CHANGES = 8
_KINDS = ("line", "line", "line", "flip", "cut", "splice")


def changed_page(body: bytes, chance: random.Random) -> bytes:
    """The page with one to eight things changed."""
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        kind = chance.choice(_KINDS)
        body = _line(body, chance) if kind == "line" else changed_bytes(body, chance, kind)
    return body


def _line(body: bytes, chance: random.Random) -> bytes:
    lines = body.split(b"\n")
    i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
    change = MUTATIONS[chance.choice(sorted(MUTATIONS))]
    return b"\n".join(change(lines, i, j, chance.choice(TOKENS).encode(), chance.choice(LINES)))


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
