"""A day of demand keeps its mean and its peak, however sharp."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn.planner.demand import DAY, PEAK_SECONDS, STEP, STEPS, day


@settings(deadline=None, max_examples=50)
@given(average=st.floats(0.01, 1e5), swing=st.floats(1, 20))
def test_mean_peak_and_floor_are_as_asked(average: float, swing: float) -> None:
    """The mean of the day is the average load, the highest point is the peak, and demand is never negative."""
    made = day(average, swing)
    points = [made.at(index * STEP) for index in range(STEPS)]
    assert sum(points) / STEPS == pytest.approx(average, rel=1e-9)
    assert max(points) == pytest.approx(average * swing, rel=1e-9) == made.peak
    assert min(points) >= -1e-9 * average


def test_the_two_shapes_meet_at_twice_the_mean() -> None:
    """A swing a hair above 2 draws the curve of a swing of 2."""
    sine, power = day(10, 2), day(10, 2 + 1e-9)
    assert [power.at(t) for t in range(0, DAY, 3600)] == pytest.approx(
        [sine.at(t) for t in range(0, DAY, 3600)], abs=1e-5
    )


@settings(deadline=None, max_examples=50)
@given(
    swing=st.floats(1, 10),
    start=st.floats(-DAY, DAY),
    length=st.floats(0, DAY / 2),
)
def test_highest_is_the_highest_of_the_interval(swing: float, start: float, length: float) -> None:
    """It agrees with a walk through the interval."""
    made = day(5, swing)
    walked = max(made.at(start + length * index / 500) for index in range(501))
    highest = made.highest(start, start + length)
    assert highest >= walked - 1e-9
    assert highest == pytest.approx(walked, rel=1e-3)


def test_the_peak_inside_an_interval_is_found_on_any_day() -> None:
    """Yesterday's and tomorrow's peak count as today's does."""
    made = day(5, 3)
    for days in (-1, 0, 1):
        middle = PEAK_SECONDS + days * DAY
        assert made.highest(middle - 100, middle + 100) == 15
