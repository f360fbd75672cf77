"""The three terms, and the three ways to say what a replica carries."""

from __future__ import annotations

import pytest

from forewarn.errors import ConfigError
from forewarn.planner.demand import day
from forewarn.planner.fleet import capacity, fleet, replicas_for
from forewarn.planner.inputs import Inputs


def test_replicas_are_need_plus_spares_plus_headroom() -> None:
    """30 × 3 / 4 = 22.5 replicas for the peak."""
    made = fleet(
        Inputs(average_load=30, swing=3, replica_requests_per_second=4, spares=2, deploy_headroom=3), day(30, 3)
    )
    assert (made.peak_need, made.spares, made.headroom, made.replicas) == (23, 2, 3, 28)


def test_gpus_and_their_failures_count_the_whole_fleet() -> None:
    """1,000 GPUs at 0.1 % a day lose one a day."""
    made = fleet(
        Inputs(average_load=123, swing=1, replica_requests_per_second=1, spares=1, gpus_per_replica=8), day(123, 1)
    )
    assert (made.gpus, made.failures_per_day) == (1000, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("inputs", "of_one", "source"),
    [
        (Inputs(replica_requests_per_second=4), 4, "as given"),
        (Inputs(replica_tokens_per_second=1900, prompt_tokens=700, output_tokens=250), 2, "950 tokens a request"),
        (Inputs(replica_concurrency=64, request_seconds=8), 8, "Little's law"),
    ],
)
def test_capacity_comes_from_one_of_three(inputs: Inputs, of_one: float, source: str) -> None:
    """Requests, tokens over tokens a request, or concurrency over latency."""
    value, text = capacity(inputs)
    assert value == of_one
    assert source in text


@pytest.mark.parametrize(
    ("load", "of_one", "replicas"), [(0, 4, 1), (8, 4, 2), (8.1, 4, 3), (0.3, 0.1, 3), (2.1, 0.7, 3)]
)
def test_rounding_up_ignores_floating_point(load: float, of_one: float, replicas: int) -> None:
    """0.3 / 0.1 is not four replicas; no load still needs one."""
    assert replicas_for(load, of_one) == replicas


def test_an_absurd_fleet_is_a_mistake() -> None:
    """A capacity in the wrong unit shows here."""
    with pytest.raises(ConfigError, match="expected a load of at most 10000 replicas, got 40000 requests/s at 1 each"):
        fleet(Inputs(average_load=20_000, replica_requests_per_second=1), day(20_000, 2))
