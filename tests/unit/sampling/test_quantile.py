"""Quantiles on the status page are PromQL's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from forewarn.sampling.quantile import gained, quantile
from tests.unit.sampling.builders import edges, histogram, observations, of, quick

if TYPE_CHECKING:
    from forewarn.snapshot import Histogram


def promql(judged: Histogram, q: float) -> float:
    """histogram_quantile as Prometheus's bucketQuantile computes it, for 0 < q < 1 and at least one observation."""
    if len(judged.bounds) < 2:
        return math.nan
    rank = q * judged.count
    b = next((i for i, n in enumerate(judged.counts[:-1]) if n >= rank), len(judged.bounds) - 1)
    if b == len(judged.bounds) - 1:
        return judged.bounds[-2]
    start, count = 0.0, judged.counts[b]
    if b > 0:
        start = judged.bounds[b - 1]
        count -= judged.counts[b - 1]
        rank -= judged.counts[b - 1]
    return start + (judged.bounds[b] - start) * (rank / count)


@quick
@given(edges, observations, st.floats(0.01, 0.999))
def test_a_quantile_is_promqls(bounds: tuple[float, ...], values: list[float], q: float) -> None:
    """Linear in a bucket, the largest finite edge past it, not a number without one."""
    assume(values)
    judged = histogram(bounds, values)
    assert quantile(judged, q) == pytest.approx(promql(judged, q), nan_ok=True)


@pytest.mark.parametrize(
    ("counts", "q", "expected"),
    [((10, 10, 10), 0.5, 0.5), ((0, 10, 10), 0.5, 1.5), ((1, 2, 100), 0.99, 2.0), ((50, 99, 100), 0.99, 2.0)],
)
def test_known_quantiles(counts: tuple[float, ...], q: float, expected: float) -> None:
    """By hand: the middle of the first bucket, of the second, and what lies past the last edge."""
    assert quantile(of(*counts), q) == pytest.approx(expected)


def test_what_was_gained_is_the_difference() -> None:
    """Counts and sum since an earlier moment."""
    assert gained(of(3, 5, 9, total=8.0), of(1, 2, 4, total=3.0)) == of(2, 3, 5, total=5.0)


def test_nothing_gained_is_absent() -> None:
    """Without an earlier moment, a new observation or the same bounds there is no difference to tell."""
    now = of(1, 2, 4)
    assert gained(now, None) is None
    assert gained(now, now) is None
    assert gained(now, of(1, 2, 3, bounds=(1.0, 5.0))) is None
