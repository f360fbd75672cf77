"""The few statistics that the gate needs, from the standard library alone.

Two shares are compared by the score test of Farrington and Manning (1990, Statistics in Medicine 9): the variance is
taken where the difference is exactly the one under test, so small counts and rare failures keep the promised level. At
a difference of 0 it is the pooled z-test. Requests of one minute share that minute's fate, so the test's variance is
inflated by a factor estimated from slices of the window, and compared with Student's t for as many slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Count:
    """Requests of one slice: how many were bad, of how many. Counts by extrapolating rates need not be whole."""

    bad: float
    total: float

    def __add__(self, other: Count) -> Count:
        return Count(self.bad + other.bad, self.total + other.total)

    @property
    def share(self) -> float:
        """Share that was bad, 0 to 1; `total` must not be 0."""
        return min(1.0, self.bad / self.total)


def total(slices: Sequence[Count]) -> Count:
    """All slices together."""
    return sum(slices, Count(0.0, 0.0))


def student_tail(t: float, freedom: int) -> float:
    """P(T > t) of Student's t with whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan2(abs(t), math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2 == 1
    term = math.cos(angle) if odd else 1.0
    inner = 0.0
    for index in range(2 if odd else 1, freedom, 2):
        inner += term
        term *= square * index / (index + 1)
    between = 2 / math.pi * (angle + sine * inner) if odd else sine * (inner if freedom > 1 else 0.0)
    tail = max(0.0, (1 - between) / 2)
    return tail if t >= 0 else 1 - tail


def score(canary: Count, stable: Count, difference: float) -> float:
    """Standard errors by which canary's share minus stable's passes `difference` (-1 < difference < 1)."""
    first, second = _restricted(canary, stable, difference)
    variance = first * (1 - first) / canary.total + second * (1 - second) / stable.total
    gap = canary.share - stable.share - difference
    if variance <= 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / math.sqrt(variance)


def exact_tail(canary: Count, stable: Count) -> float:
    """Probability that so many of all bad requests fall to the canary by its share of the traffic alone.

    The conditional binomial test: exact however rare bad requests are, where the score test is an approximation.
    """
    bad, all_bad = math.floor(canary.bad), round((canary + stable).bad)
    share = canary.total / (canary + stable).total
    if bad <= 0:
        return 1.0
    log_term = (
        math.lgamma(all_bad + 1) - math.lgamma(bad + 1) - math.lgamma(max(0, all_bad - bad) + 1)
        + bad * math.log(share) + (all_bad - bad) * math.log1p(-share)
    )  # fmt: skip
    tail = 0.0
    for count in range(bad, all_bad + 1):
        tail += math.exp(log_term)
        if count < all_bad:
            log_term += math.log((all_bad - count) / (count + 1) * share / (1 - share))
    return min(1.0, tail)


def _restricted(canary: Count, stable: Count, difference: float) -> tuple[float, float]:
    """The likeliest shares of both, given that they lie `difference` apart: the root of a cubic in closed form."""
    if difference == 0:
        pooled = (canary + stable).share
        return pooled, pooled
    ratio = stable.total / canary.total
    p, q, s = canary.share, stable.share, difference
    a = 1 + ratio
    b = -(1 + ratio + p + ratio * q + s * (ratio + 2))
    c = s * s + s * (2 * p + ratio + 1) + p + ratio * q
    d = -p * s * (1 + s)
    v = b**3 / (27 * a**3) - b * c / (6 * a * a) + d / (2 * a)
    u = math.copysign(math.sqrt(max(0.0, b * b / (9 * a * a) - c / (3 * a))), v)
    cosine = max(-1.0, min(1.0, v / u**3)) if u else 0.0
    w = (math.pi + math.acos(cosine)) / 3
    first = 2 * u * math.cos(w) - b / (3 * a)
    first = max(0.0, s, min(1.0, 1 + s, first))
    return first, max(0.0, min(1.0, first - s))


def inflation(*tracks: Sequence[Count]) -> float:
    """How much wider shares scatter from slice to slice than those of independent requests, in the noisier track.

    Pearson's X² over its degrees of freedom, at least 1. Not the mean of the tracks: one that had luck shows less
    scatter too, and would lend the luck more weight.
    """
    return max(1.0, *(_scatter(slices) for slices in tracks))


def _scatter(slices: Sequence[Count]) -> float:
    whole = total(slices)
    used = [each for each in slices if each.total > 0]
    if not 0 < whole.bad < whole.total or len(used) < 2:  # noqa: PLR2004  one slice has no scatter
        return 1.0
    share = whole.share
    chi = sum((each.bad - each.total * share) ** 2 / (each.total * share * (1 - share)) for each in used)
    return chi / (len(used) - 1)


def freedom_of(*tracks: Sequence[Count]) -> int:
    """Degrees of freedom of the scatter: slices with traffic, less one for each track."""
    return sum(max(0, sum(each.total > 0 for each in slices) - 1) for slices in tracks)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and its standard error from the scatter of the values; at least two."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))
