"""Requests over budget, at any budget."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.sampling.counter import MonotoneHistogram
from forewarn.sampling.sli import OverBudget, Rising, above, on_edge
from forewarn.snapshot import Histogram
from tests.unit.sampling.builders import edges, histogram, observations, of, quick

budgets = st.one_of(st.sampled_from([0.1, 0.5, 1.0, 2.0, 10.0]), st.floats(0.01, 25, allow_nan=False))


def evenly_spread(judged: Histogram, budget: float, pieces: int = 1000) -> float:
    """Brute force: each bucket's observations spread over `pieces` points, those past the last edge all over."""
    over, lower, below = 0.0, 0.0, 0.0
    for upper, count in zip(judged.bounds, judged.counts, strict=True):
        inside = count - below
        if math.isinf(upper):
            over += inside
        else:
            points = [lower + (upper - lower) * (k + 0.5) / pieces for k in range(pieces)]
            over += inside * sum(point > budget for point in points) / pieces
        lower, below = upper, count
    return over


@quick
@given(edges, observations, st.data())
def test_on_an_edge_the_count_is_exact(bounds: tuple[float, ...], values: list[float], data: st.DataObject) -> None:
    """At a bucket's edge the requests over budget are counted, not estimated."""
    judged = histogram(bounds, values)
    for budget in bounds[:-1]:
        assert above(judged, budget) == sum(value > budget for value in values)
        assert on_edge(judged, budget)
    free = data.draw(budgets)
    assert on_edge(judged, free) == (free in bounds)


@quick
@given(edges, observations, budgets)
def test_inside_a_bucket_observations_count_as_evenly_spread(
    bounds: tuple[float, ...], values: list[float], budget: float
) -> None:
    """The estimate is that of observations spread evenly over their bucket."""
    judged = histogram(bounds, values)
    assert math.isclose(above(judged, budget), evenly_spread(judged, budget), abs_tol=0.002 * len(values) + 1e-9)


@quick
@given(edges, observations, st.lists(budgets, min_size=2, max_size=6))
def test_a_larger_budget_is_never_exceeded_more_often(
    bounds: tuple[float, ...], values: list[float], tried: list[float]
) -> None:
    """Requests over budget fall with the budget and lie between none and all."""
    judged = histogram(bounds, values)
    over = [above(judged, budget) for budget in sorted(tried)]
    assert all(a >= b - 1e-9 for a, b in pairwise(over))
    assert all(-1e-9 <= n <= len(values) + 1e-9 for n in over)


def test_past_the_largest_edge_everything_is_over() -> None:
    """Where the histogram cannot tell, a request counts as over its budget."""
    assert above(of(5, 6, 9), 3.0) == 3
    assert above(of(5, 6, 9), 2.0) == 3
    assert above(Histogram((math.inf,), (7.0,), 1.0), 0.5) == 7


def test_in_the_first_bucket_observations_spread_from_zero() -> None:
    """A quarter of the way into the first bucket three quarters of it are over."""
    assert above(of(8, 8, 8), 0.25) == 6


@quick
@given(edges, st.lists(observations, min_size=1, max_size=6), budgets)
def test_counting_as_requests_come_equals_counting_at_the_end(
    bounds: tuple[float, ...], batches: list[list[float]], budget: float
) -> None:
    """With bounds that stay, the running count is the count of the whole histogram, and never goes down."""
    counted, values, before = OverBudget(budget), [], 0.0
    for batch in batches:
        values += batch
        counted.update(histogram(bounds, values))
        assert counted.value is not None
        assert counted.value >= before
        before = counted.value
    assert math.isclose(before, above(histogram(bounds, values), budget), abs_tol=1e-9)


@quick
@given(st.lists(st.tuples(edges, observations), min_size=1, max_size=5), budgets)
def test_other_bounds_never_judge_the_past_anew(
    processes: list[tuple[tuple[float, ...], list[float]]], budget: float
) -> None:
    """Over restarts with other bounds each request is judged once, under the bounds it was seen with."""
    merged, counted, expected = MonotoneHistogram(), OverBudget(budget), 0.0
    for bounds, values in processes:
        merged.restart()
        merged.update(histogram(bounds, values))
        assert merged.value is not None
        counted.update(merged.value)
        expected += above(histogram(bounds, values), budget)
        assert math.isclose(counted.value or 0.0, expected, abs_tol=1e-9)
        assert (counted.value or 0.0) <= merged.value.count + 1e-9


def test_the_count_is_held_where_a_histogram_would_take_it_down() -> None:
    """Not even a rounding error makes an exported counter fall."""
    counted = OverBudget(1.0)
    counted.update(of(2, 9, 9))
    counted.update(of(5, 9, 9))
    assert counted.value == 7


def test_nothing_is_judged_before_there_is_a_histogram() -> None:
    """Absent before the first histogram, zero for an empty one."""
    counted = OverBudget(1.0)
    assert counted.value is None
    counted.update(of(0, 0, 0))
    assert counted.value == 0


@pytest.mark.parametrize("values", [[1.0, 3.0, 2.0, 4.0], [5.0, 0.0]])
def test_a_derived_count_is_held_where_it_would_fall(values: list[float]) -> None:
    """The exported value is the largest seen."""
    rising = Rising()
    assert rising.value is None
    for i, value in enumerate(values):
        rising.update(value)
        assert rising.value == max(values[: i + 1])
