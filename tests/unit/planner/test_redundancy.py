"""N+k against the exact binomial, in fractions."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.errors import ConfigError
from forewarn.planner.inputs import Inputs
from forewarn.planner.redundancy import more_than_down, redundancy


def exact(replicas: int, spares: int, up: float) -> float:
    """The upper tail of the binomial, without rounding."""
    p = Fraction(up)
    return float(
        sum(comb(replicas, down) * (1 - p) ** down * p ** (replicas - down) for down in range(spares + 1, replicas + 1))
    )


def inputs(**values: float | None) -> Inputs:
    """Inputs with a capacity."""
    return Inputs(replica_requests_per_second=4.0, **values)  # type: ignore[arg-type]  # whole values are int


@given(replicas=st.integers(1, 60), spares=st.integers(0, 10), up=st.floats(0.5, 0.99999))
def test_the_tail_is_the_exact_binomial(replicas: int, spares: int, up: float) -> None:
    """Also where it is tiny."""
    assert more_than_down(replicas, spares, up) == pytest.approx(exact(replicas, spares, up), rel=1e-9, abs=1e-300)


def test_a_large_fleet_does_not_underflow() -> None:
    """Ten thousand replicas, each up 90 % of the time: p^n alone is 0 in floating point."""
    assert more_than_down(10_000, 1000, 0.9) == pytest.approx(0.4916, abs=0.001)
    assert more_than_down(10_000, 900, 0.9) == pytest.approx(0.9995, abs=0.001)


def test_replicas_that_never_fail_need_no_spare() -> None:
    """P = 1."""
    assert more_than_down(50, 0, 1.0) == 0
    assert redundancy(inputs(gpu_availability=1.0), 50).spares == 0


def test_a_group_of_gpus_is_up_only_while_all_are() -> None:
    """p^g, and p from failures and repair: 0.001 a day, 24 h each, is 1 / 1.001."""
    made = redundancy(inputs(gpus_per_replica=8, gpu_failures_per_day=0.001, repair_hours=24), 10)
    assert made.gpu_availability == pytest.approx(1 / 1.001)
    assert made.replica_availability == pytest.approx((1 / 1.001) ** 8)


def test_k_is_the_fewest_that_reach_the_target() -> None:
    """One less misses it."""
    made = redundancy(inputs(gpu_availability=0.99, target_availability=0.9999), 20)
    assert made.spares == made.spares_for_target == 3
    assert exact(23, 3, 0.99) <= 1e-4 < exact(22, 2, 0.99)


def test_a_given_k_stands_and_the_missing_ones_are_told() -> None:
    """The availability is that of the k that was given."""
    made = redundancy(inputs(gpu_availability=0.99, target_availability=0.9999, spares=1), 20)
    assert (made.spares, made.spares_for_target) == (1, 3)
    assert made.shortfall == pytest.approx(exact(21, 1, 0.99))


def test_no_k_buys_back_the_correlated_floor() -> None:
    """Four events of half an hour a year cap availability, whatever k is."""
    few = redundancy(inputs(spares=1, target_availability=0.9999), 10)
    many = redundancy(inputs(spares=50, target_availability=0.9999), 10)
    assert few.correlated_floor == many.correlated_floor == 4 * 30 / 525_600
    assert many.availability <= 1 - many.correlated_floor
    assert not many.target_within_floor
    assert redundancy(inputs(target_availability=0.999), 10).target_within_floor


def test_a_target_out_of_reach_is_one_line() -> None:
    """Replicas that are down half of the time."""
    with pytest.raises(ConfigError, match="--target-availability: expected a target that 1000 spares reach"):
        redundancy(inputs(gpu_availability=0.5, target_availability=0.999), 2000)
