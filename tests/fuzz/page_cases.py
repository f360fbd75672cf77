"""Damaged pages: our parser against the library's, and the adapter on whatever was read."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from forewarn.engines.vllm import VllmAdapter
from forewarn.errors import PageError
from forewarn.layout import PageParser
from tests.fuzz.mutations import changed_page
from tests.tools.goldens import PAGES, fixture_pages
from tests.tools.page_mutations import OPEN, TEXT, oracle, read
from tests.unit.engines.test_vllm_fuzz import assert_sane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_WHOLE_EVERY = 40
"""One case in so many is a whole page; the others are windows of one, which take a tenth of the time."""
_WINDOW_LINES = 60
_SAY_EVERY = 10_000
_END = [b"# EOF", b""]


def _originals() -> list[tuple[bytes, str]]:
    """Every captured page, and written ones in OpenMetrics."""
    paths: list[Path] = [path for path in fixture_pages() if path.suffix == ".om" or path.parent == PAGES / "captures"]
    return [(path.read_bytes(), OPEN if path.suffix == ".om" else TEXT) for path in paths]


def _window(body: bytes, chance: random.Random) -> bytes:
    """Some whole families of a page."""
    lines = body.split(b"\n")
    heads = [n for n, line in enumerate(lines) if line.startswith(b"# HELP")]
    first = chance.randrange(len(heads))
    end = next((n for n in heads[first + 1 :] if n - heads[first] > _WINDOW_LINES), len(lines))
    return b"\n".join(
        [*lines[heads[first] : end], *([] if end == len(lines) else _END if b"# EOF" in lines else [b""])]
    )


def cases(number: int, seed: int) -> Iterator[tuple[bytes, bytes, str]]:
    """An original, what became of it, and its type."""
    chance, originals = random.Random(seed), _originals()  # noqa: S311  cases, no secrets
    for n in range(number):
        body, kind = chance.choice(originals)
        original = body if n % _WHOLE_EVERY == 0 else _window(body, chance)
        yield original, changed_page(original, chance), kind


def run(number: int, seed: int, say: Callable[[str], None]) -> list[bytes]:
    """Judge so many cases; returns the pages that were read otherwise, or that something tripped over."""
    found = []
    in_sequence = {TEXT: PageParser(), OPEN: PageParser()}
    for n, (original, body, kind) in enumerate(cases(number, seed), 1):
        try:
            _judge(original, body, kind, in_sequence[kind])
        except Exception as error:  # noqa: BLE001  whatever it is, the page that did it is what is wanted
            found.append(body)
            say(f"  case {n}: {type(error).__name__}: {str(error)[:300]}")
        if n % _SAY_EVERY == 0:
            say(f"pages: {n:,} of {number:,}, {len(found)} found")
    return found


def _judge(original: bytes, body: bytes, kind: str, in_sequence: PageParser) -> None:
    expected = oracle(body, kind)
    warmed = PageParser()
    read(warmed, original, kind)
    for way, parser in (("cold", PageParser()), ("warm", warmed), ("in sequence", in_sequence)):
        if read(parser, body, kind) != expected:
            raise AssertionError(f"read otherwise than the library does, {way}")
    if expected is None:
        return
    page = warmed.parse(body, kind)
    try:
        binding = VllmAdapter().bind(page.layout)
    except PageError:
        return
    for full in (True, False):
        for rank in binding.read(page, full=full).ranks.values():
            assert_sane(rank)
