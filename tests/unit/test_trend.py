"""The slope of a soak, against lines that are known."""

from __future__ import annotations

import pytest

from tests.soak.trend import fit


def test_a_straight_line_is_found_without_error() -> None:
    """Slope and start are the line's."""
    line = fit([0.0, 1.0, 2.0, 3.0], [5.0, 7.0, 9.0, 11.0])
    assert (line.slope, line.start, line.error) == (2.0, 5.0, 0.0)


def test_noise_that_alternates_is_as_sure_as_independent_points() -> None:
    """The textbook's standard error, by hand for four points."""
    line = fit([0.0, 1.0, 2.0, 3.0], [1.0, -1.0, -1.0, 1.0])
    assert line.slope == 0.0
    assert line.error == pytest.approx((4 / 2 / 5) ** 0.5)


def test_a_step_is_less_sure_than_noise_of_its_size() -> None:
    """Neighbours that deviate alike are fewer points than they seem."""
    times = [float(n) for n in range(40)]
    wave = [float(n // 5 % 2) for n in range(40)]
    noise = [float(n % 2) for n in range(40)]
    assert fit(times, wave).error > 1.5 * fit(times, noise).error
