"""Histograms of samples: how long a signal spent at which value."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

from forewarn.snapshot import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence


class SampleHistogram:
    """One observation per sample, so that a quantile over a rate is a quantile over time."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = (*bounds, math.inf)
        self._counts = [0.0] * len(self.bounds)
        self._total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count `value` as `times` observations."""
        self._counts[bisect_left(self.bounds, value)] += times
        self._total += value * times

    def add(self, counts: Sequence[float], total: float) -> None:
        """Add observations made elsewhere under the same bounds: cumulative counts and their sum."""
        below = 0.0
        for i, count in enumerate(counts):
            self._counts[i] += count - below
            below = count
        self._total += total

    def histogram(self) -> Histogram | None:
        """The cumulative histogram so far, None before the first observation."""
        cumulative = []
        running = 0.0
        for count in self._counts:
            running += count
            cumulative.append(running)
        return Histogram(self.bounds, tuple(cumulative), self._total) if running else None


class SampleWeight:
    """How many observations a sample stands for.

    On time a sample is one observation. A late one covers the polls it took the place of (a busy engine answers
    slowly, and its slow moments must not count less), remainders are carried over. After a gap longer than
    `longest` seconds nothing is known of the time between, and the sample is one observation.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._last: float | None = None
        self._carry = 0.0

    def take(self, now: float, interval: float) -> int:
        """Weight of a sample that arrived at `now` (monotonic seconds) when `interval` was asked for."""
        last, self._last = self._last, now
        if last is None or not 0 < now - last <= self._longest:
            self._carry = 0.0
            return 1
        due = (now - last) / interval + self._carry
        weight = max(0, round(due))
        self._carry = due - weight
        return weight
