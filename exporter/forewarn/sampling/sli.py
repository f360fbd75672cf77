"""Service-level counts at any budget, from a histogram's buckets."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

from forewarn.sampling.counter import rebucket

if TYPE_CHECKING:
    from forewarn.snapshot import Histogram


def above(histogram: Histogram, budget: float) -> float:
    """Observations over `budget` (the histogram's unit).

    Exact when the budget is a bucket's edge; inside a bucket observations are taken as evenly spread, as
    PromQL's histogram_quantile does. Those past the largest finite edge all count as over.
    """
    bounds, counts = histogram.bounds, histogram.counts
    i = bisect_left(bounds, budget)
    before, lower = (counts[i - 1], bounds[i - 1]) if i else (0.0, 0.0)
    upper = bounds[i]
    if upper == math.inf:
        return counts[-1] - before
    # The share is rounded first: it is 1 on an edge and never more, so the result is exact there and never negative.
    share = (budget - lower) / (upper - lower)
    return counts[-1] - (before + (counts[i] - before) * share)


def on_edge(histogram: Histogram, budget: float) -> bool:
    """Whether `budget` is a bucket's edge, so that nothing has to be interpolated."""
    return budget in histogram.bounds


class OverBudget:
    """Observations over a budget, counted as they come: what is past is not judged anew when bounds change."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._last: Histogram | None = None
        self._above = 0.0
        self.value: float | None = None

    def update(self, histogram: Histogram) -> None:
        """Take the histogram's present value, which never goes down."""
        if histogram is self._last:
            return
        last = self._last
        if last is not None and last.bounds != histogram.bounds:
            self._above = above(rebucket(last, histogram.bounds), self._budget)
        over = above(histogram, self._budget)
        self.value = (self.value or 0.0) + max(0.0, over - self._above)
        self._last, self._above = histogram, over


class Rising:
    """A derived count that is held where its inputs would take it down."""

    def __init__(self) -> None:
        self.value: float | None = None

    def update(self, value: float) -> None:
        """Take the derived count's present value."""
        if self.value is None or value > self.value:
            self.value = value
