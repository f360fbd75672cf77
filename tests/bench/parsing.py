"""Time to parse a page whose values move, against the library's parser."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from forewarn.engines.vllm import VllmAdapter
from forewarn.layout import PageParser
from tests.bench.figures import Row, ratios, spread
from tests.bench.moving_page import capture
from tests.bench.polling import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS = 15
_PAGES = 100
_LIBRARY_PAGES = 8
"""The library is slow enough for a steady figure on fewer pages of the same kind."""


def measure() -> list[Row]:
    """Parse pages in turn, round by round, each way timed in CPU time of this thread."""
    page = capture()
    pages = [page.at(number * INTERVAL) for number in range(_PAGES + 1)]
    whole, watching = PageParser(), PageParser()
    whole.parse(pages[0])
    # As the poller does after it has bound a page.
    slots = VllmAdapter().bind(watching.parse(pages[0]).layout).slots
    watching.watch(slots)
    times: dict[str, list[float]] = {"library": [], "whole": [], "watching": []}
    for _ in range(ROUNDS):
        times["library"].append(_per_page(_library, pages[:_LIBRARY_PAGES]))
        times["whole"].append(_per_page(whole.parse, pages[1:]))
        times["watching"].append(_per_page(watching.parse, pages[1:]))
    ratio = ratios(times["library"], times["watching"])
    every = ratios(times["library"], times["whole"])
    middle = {key: spread(values).median for key, values in times.items()}
    text = f"{ratio.text(0)} × ({1e6 * middle['watching']:.0f} µs against {1e3 * middle['library']:.1f} ms)"
    return [
        Row(
            f"parsing as the sidecar does ({len(slots)} samples), times faster than prometheus_client.parser",
            text,
            "≥ 80 ×",
            ratio.median >= 80,
        ),
        Row("the same, every sample read", f"{every.text(0)} ×"),
    ]


def changed_share() -> tuple[int, int]:
    """How many lines differ between two successive pages, and how many sample lines there are."""
    page = capture()
    one, other = page.at(0).splitlines(), page.at(INTERVAL).splitlines()
    changed = sum(a != b for a, b in zip(one, other, strict=True))
    return changed, sum(not line.startswith(b"#") for line in one)


def _library(body: bytes) -> None:
    # Families come lazily; nothing is parsed until they are asked for.
    list(text_string_to_metric_families(body.decode()))


def _per_page(parse: Callable[[bytes], object], pages: Sequence[bytes]) -> float:
    began = time.thread_time()
    for body in pages:
        parse(body)
    return (time.thread_time() - began) / len(pages)
