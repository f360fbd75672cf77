"""Counters and histograms that never go down, whatever the engine's own do.

The engine's count may restart at zero (a new process), dip (one of several API servers answers from a moment
earlier) or lose a part (a worker that left). What is exported continues in each case, and counts nothing twice.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import gt

from forewarn.snapshot import Histogram

DIPS_BEFORE_REBASE = 3
"""Consecutive polls below the last value after which a dip is taken as the new level."""


class MonotoneCounter:
    """A counter on top of a raw one."""

    def __init__(self) -> None:
        self._base = 0.0
        self._raw = 0.0
        self._dips = 0

    @property
    def value(self) -> float:
        """What to export."""
        return self._base + self._raw

    def restart(self) -> None:
        """The engine's process is a new one: its count begins at zero."""
        self._base, self._raw, self._dips = self.value, 0.0, 0

    def update(self, raw: float) -> None:
        """Take the engine's present count."""
        if raw >= self._raw:
            self._raw, self._dips = raw, 0
            return
        self._dips += 1
        if self._dips >= DIPS_BEFORE_REBASE:
            self._base, self._raw, self._dips = self.value - raw, raw, 0


class MonotoneHistogram:
    """A histogram on top of a raw one.

    A restart with other bounds moves the past to bounds it surely reaches. Other bounds without a restart (a line
    lost from the page) show the same observations again, and are a dip.
    """

    def __init__(self) -> None:
        self._base: Histogram | None = None
        self._raw: Histogram | None = None
        self._dips = 0
        self._value: Histogram | None = None

    @property
    def value(self) -> Histogram | None:
        """What to export, None before the first page that shows it."""
        return self._value

    def restart(self) -> None:
        """The engine's process is a new one: its histogram begins empty."""
        self._base, self._raw, self._dips = self._value, None, 0

    def update(self, raw: Histogram) -> None:
        """Take the engine's present histogram."""
        last = self._raw
        if raw is last or raw == last:
            self._dips = 0
            return
        if last is not None and not _continues(last, raw):
            self._dips += 1
            if self._dips < DIPS_BEFORE_REBASE:
                return
            self._rebase(raw)
        self._raw, self._dips = raw, 0
        self._value = raw if self._base is None else _add(rebucket(self._base, raw.bounds), raw)

    def _rebase(self, raw: Histogram) -> None:
        """Choose the base so that the exported histogram stays where it is and goes on from `raw`."""
        value = rebucket(self._value or raw, raw.bounds)
        counts = tuple(was - now for was, now in zip(value.counts, raw.counts, strict=True))
        self._base = Histogram(raw.bounds, counts, value.total - raw.total)


def _continues(last: Histogram, raw: Histogram) -> bool:
    return raw.total >= last.total and raw.bounds == last.bounds and not any(map(gt, last.counts, raw.counts))


def _add(one: Histogram, other: Histogram) -> Histogram:
    counts = tuple(a + b for a, b in zip(one.counts, other.counts, strict=True))
    return Histogram(one.bounds, counts, one.total + other.total)


def rebucket(histogram: Histogram, bounds: tuple[float, ...]) -> Histogram:
    """The same observations under other bounds; each counts from the first bound it is known to be below."""
    if histogram.bounds == bounds:
        return histogram
    counts = []
    for bound in bounds:
        below = bisect_right(histogram.bounds, bound)
        counts.append(histogram.counts[below - 1] if below else 0.0)
    return Histogram(bounds, tuple(counts), histogram.total)
