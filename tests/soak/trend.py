"""The slope of a series, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through points by least squares, in the points' units; `error` is the slope's standard error."""

    slope: float
    error: float
    start: float


def fit(times: Sequence[float], values: Sequence[float]) -> Trend:
    """The line through three points or more.

    Memory moves in steps, so that neighbours deviate alike: the error is widened by their correlation, as if there
    were only so many independent points.
    """
    n = len(times)
    middle, mean = sum(times) / n, sum(values) / n
    spread = sum((t - middle) ** 2 for t in times)
    slope = sum((t - middle) * (v - mean) for t, v in zip(times, values, strict=True)) / spread
    residuals = [v - mean - slope * (t - middle) for t, v in zip(times, values, strict=True)]
    squares = sum(r * r for r in residuals)
    alike = sum(a * b for a, b in pairwise(residuals)) / squares if squares else 0.0
    alike = min(max(alike, 0.0), 1 - 2 / n)
    error = math.sqrt(squares / (n - 2) / spread * (1 + alike) / (1 - alike))
    return Trend(slope, error, mean - slope * middle)
