"""Answers without text, estimated from two histograms of vLLM."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forewarn.snapshot import Histogram


def estimate(lengths: Histogram, asked: Histogram, stopped: float) -> float | None:
    """Requests that stopped by themselves after at most one token although they could have had more.

    `lengths` is generated tokens per request, `asked` the max_tokens of requests that set it, `stopped` the
    requests that finished with reason stop. A lone end-of-sequence token counts as one generated token and is no
    text. None when neither histogram has an edge at 1, or requests were not counted.
    """
    short, tiny = _at_most_one(lengths), _at_most_one(asked)
    if short is None or tiny is None:
        return None
    return min(max(0.0, short - tiny), stopped)


def _at_most_one(histogram: Histogram) -> float | None:
    try:
        return histogram.counts[histogram.bounds.index(1.0)]
    except ValueError:
        return None
