"""Quantiles and means of what a histogram gained between two moments."""

from __future__ import annotations

import math
from bisect import bisect_left

from forewarn.snapshot import Histogram


def gained(now: Histogram, before: Histogram | None) -> Histogram | None:
    """Observations made since `before`; None when there are none or the bounds differ."""
    if before is None or now.bounds != before.bounds or now.count <= before.count:
        return None
    counts = tuple(a - b for a, b in zip(now.counts, before.counts, strict=True))
    return Histogram(now.bounds, counts, now.total - before.total)


def quantile(histogram: Histogram, q: float) -> float:
    """The `q` quantile as PromQL's histogram_quantile has it: linear in a bucket, pinned to the last finite edge."""
    rank = q * histogram.count
    i = bisect_left(histogram.counts, rank)
    upper = histogram.bounds[i]
    if math.isinf(upper):
        return histogram.bounds[i - 1] if i else math.nan
    lower = histogram.bounds[i - 1] if i else 0.0
    before = histogram.counts[i - 1] if i else 0.0
    inside = histogram.counts[i] - before
    return upper if inside == 0 else lower + (upper - lower) * (rank - before) / inside
