"""What the replica is made of, costs, and whether it takes traffic."""

from __future__ import annotations

import pytest

from forewarn.errors import FetchError
from tests.unit.collectors.harness import Rank
from tests.unit.collectors.worlds import whole, working


@pytest.mark.parametrize(
    ("settings", "gpus", "price"),
    [
        ({}, None, None),
        ({"replica__gpus": 2}, 2, None),
        ({"replica__gpus": 2, "replica__usd_per_gpu_hour": 3}, 2, 6),
        ({"replica__gpus": 2, "replica__usd_per_gpu_hour": 3, "replica__usd_per_hour": 5}, 2, 5),
        ({"replica__usd_per_hour": 5}, None, 5),
    ],
)
def test_size_and_price_are_those_configured(
    settings: dict[str, float], gpus: float | None, price: float | None
) -> None:
    """The price is given, or follows from the number of GPUs; unknown is absent."""
    world = working(**settings)
    assert world.value("llm_replica_gpus") == gpus
    assert world.value("llm_replica_cost_usd_per_hour") == price


def test_a_replica_of_several_ranks_counts_once() -> None:
    """The bill is not multiplied by the data-parallel size."""
    world = working(replica__usd_per_hour=5)
    world.engine.ranks["1"] = Rank()
    whole(world)
    assert world.values("llm_replica_cost_usd_per_hour") == [5]
    assert world.value("llm_replica_cost_usd_per_hour", engine="0") == 5
    assert len(world.values("llm_replica_ready")) == 1


def test_readiness_is_exported_and_outlasts_a_single_failed_poll() -> None:
    """Ready while the engine answered within the longest sample age, not ready after it."""
    world = working()
    assert world.value("llm_replica_ready") == 1
    world.engine.error = FetchError("refused", "no")
    world.step()
    assert (world.value("llm_engine_up"), world.value("llm_replica_ready")) == (0, 1)
    world.run(7.0)
    assert world.value("llm_replica_ready") == 0
    assert world.values("llm_replica_cost_usd_per_hour") == []
