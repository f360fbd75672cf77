"""A day of demand: one smooth peak, given by its mean and by how far the peak stands above it."""

from __future__ import annotations

import math
from dataclasses import dataclass

DAY = 86_400
STEP = 300
"""Seconds between the points that a day is summed over."""
STEPS = DAY // STEP
PEAK_SECONDS = 14 * 3600
"""The peak is drawn at 14:00; no number depends on the hour."""
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Day:
    """Demand over 24 hours. Up to twice the mean it is a sine; a sharper peak is a power of the raised cosine.

    `average` and `peak` are requests/s; `power` shapes the peak (1 for the sine).
    """

    average: float
    peak: float
    power: float

    def at(self, seconds: float) -> float:
        """Demand in requests/s, `seconds` after midnight; any day will do."""
        return self.average * _shape(seconds, self.peak / self.average, self.power)

    def highest(self, start: float, end: float) -> float:
        """Highest demand between two times: that of an end, or the peak's if it lies between them."""
        peak = PEAK_SECONDS + DAY * math.ceil((start - PEAK_SECONDS) / DAY)
        return self.peak if peak <= end else max(self.at(start), self.at(end))


def day(average: float, swing: float) -> Day:
    """The day with this mean whose peak is `swing` times as high."""
    return Day(average, average * swing, _power(swing))


def _shape(seconds: float, swing: float, power: float) -> float:
    cosine = math.cos(2 * math.pi * (seconds - PEAK_SECONDS) / DAY)
    if swing <= 2:  # noqa: PLR2004  a sine cannot swing further: its trough is at 0
        return 1 + (swing - 1) * cosine
    return float(swing * ((1 + cosine) / 2) ** power)


def _power(swing: float) -> float:
    """The power at which the mean of the day is 1, by bisection; the mean falls as the power grows."""
    if swing <= 2:  # noqa: PLR2004  as above
        return 1.0
    low, high = 1.0, 2.0 * swing * swing
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        mean = sum(_shape(index * STEP, swing, middle) for index in range(STEPS)) / STEPS
        low, high = (middle, high) if mean > 1 else (low, middle)
    return (low + high) / 2
