"""Blue/green, rolling and canary, by hand."""

from __future__ import annotations

import pytest

from forewarn.planner.demand import day
from forewarn.planner.deploys import Strategy, strategies
from forewarn.planner.fleet import fleet
from forewarn.planner.inputs import Inputs


def three(**values: float) -> tuple[Strategy, ...]:
    """The strategies of a fleet of 17 + 1 + 2 replicas, 1 USD an hour each, cold start 240 s."""
    known = {"average_load": 34, "swing": 2, "replica_requests_per_second": 4, "spares": 1, "deploy_headroom": 2}
    inputs = Inputs(**{**known, "usd_per_gpu_hour": 1, "drain_seconds": 60, **values})  # type: ignore[arg-type]  # whole values are int
    return strategies(inputs, fleet(inputs, day(34, 2)), 240)


def test_blue_green_doubles_the_fleet_and_flips_back() -> None:
    """20 replicas more for cold start, flip and soak; everyone is on the new version; a flip undoes it."""
    made = three(soak_minutes=30, flip_seconds=30)[0]
    assert (made.extra_replicas, made.least_capacity, made.blast_share, made.rollback_seconds) == (20, 1, 1, 30)
    assert made.duration_seconds == 240 + 30 + 1800
    assert made.usd_per_deploy == pytest.approx(20 * 2070 / 3600)
    assert made.usd_per_month == pytest.approx(8 * 20 * 2070 / 3600)


def test_rolling_dips_by_its_headroom() -> None:
    """Ten batches of two, 300 s each; after ten minutes three batches serve the bad version."""
    made = three(detect_minutes=10)[1]
    assert (made.extra_replicas, made.least_capacity, made.duration_seconds) == (0, 0.9, 3000)
    assert made.blast_share == pytest.approx(0.3)
    assert made.rollback_seconds == 3 * 300
    assert made.usd_per_month == 2 * 730


def test_canary_hits_one_per_cent_if_noticed_within_the_first_step() -> None:
    """1 replica, then 2; a fault that takes longer than a step to see reaches the next share."""
    made = three(detect_minutes=10, soak_minutes=30, flip_seconds=15)[2]
    assert (made.extra_replicas, made.blast_share, made.rollback_seconds) == (2, 0.01, 15)
    assert made.duration_seconds == 2 * (240 + 1800) + 3000
    assert made.usd_per_deploy == pytest.approx(((1 + 2) * 2040 + 2 * 3000) / 3600)
    assert [three(detect_minutes=d, soak_minutes=30)[2].blast_share for d in (29, 31, 61)] == [0.01, 0.1, 1.0]
    assert three(soak_minutes=0)[2].blast_share == 1.0


def test_a_roll_without_headroom_still_takes_one_replica() -> None:
    """From what the load needs: the capacity says so."""
    made = three(deploy_headroom=0)[1]
    assert made.least_capacity == pytest.approx(17 / 18)
    assert made.usd_per_month == 0
