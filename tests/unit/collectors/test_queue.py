"""Queue depth, pressure, time in queue and arrivals."""

from __future__ import annotations

import pytest

from forewarn import signals as s
from tests.unit.collectors.harness import Rank, World
from tests.unit.collectors.worlds import whole, working


def test_gauges_are_the_engines_and_pressure_is_derived() -> None:
    """Eight waiting for four running is a pressure of two."""
    world = working()
    assert world.value("llm_requests_running") == 4
    assert world.value("llm_requests_waiting") == 8
    assert world.value("llm_queue_pressure_peak_ratio") == 2
    assert world.value("llm_requests_swapped") is None


def test_sample_histograms_have_one_observation_a_quarter_of_a_second() -> None:
    """A minute at the default interval is 240 observations, whichever poll made them."""
    world = working()
    before = world.value("llm_requests_waiting_samples_count") or 0.0
    world.run(60.0)
    gained = (world.value("llm_requests_waiting_samples_count") or 0.0) - before
    assert gained == pytest.approx(240, abs=1)
    assert world.value("llm_requests_waiting_samples_bucket", le="1.0") == 0
    assert world.value("llm_queue_pressure_samples_ratio_bucket", le="2.0") == before + gained
    assert world.value("llm_queue_pressure_samples_ratio_bucket", le="1.0") == 0


@pytest.mark.parametrize("lost", ["num_requests_waiting", "num_requests_running"])
def test_a_lost_gauge_takes_what_depends_on_it(lost: str) -> None:
    """No pressure without both gauges, and no zero in place of either."""
    world = working()
    world.engine.hidden = {lost}
    whole(world)
    families = world.families()
    assert not [name for name in families if "queue_pressure" in name and not name.startswith("llm_objective_")]
    assert f"llm_{lost.removeprefix('num_')}" not in families
    assert ("llm_requests_waiting_peak" in families) == (lost == "num_requests_running")
    assert "llm_requests_arrived_total" not in families


def test_arrivals_follow_first_tokens_and_the_queue() -> None:
    """Ten first tokens and a queue of eight are eighteen arrivals; serving them adds none."""
    world = working()
    assert world.value("llm_requests_arrived_total") == 18
    world.engine.rank.waiting, world.engine.rank.running = 2, 10
    whole(world)
    assert world.value("llm_requests_arrived_total") == 18
    world.engine.rank.ttft += [0.3] * 6
    whole(world)
    assert world.value("llm_requests_arrived_total") == 18
    world.engine.rank.waiting = 5
    whole(world)
    assert world.value("llm_requests_arrived_total") == 21


def test_the_largest_batch_is_exported_where_it_is_configured() -> None:
    """The engine does not tell it, so without a setting there is none."""
    assert working().value("llm_max_running_requests") is None
    assert working(engine__max_running_requests=64).value("llm_max_running_requests") == 64


def test_an_empty_queue_is_zero_and_no_engine_is_absent() -> None:
    """Zero is what was seen, absence is what was not."""
    world = World()
    assert world.value("llm_requests_waiting") is None
    world.engine.ranks["0"] = Rank()
    world.step()
    assert world.value("llm_requests_waiting") == 0
    assert world.value("forewarn_signal_available", signal=s.WAITING) == 1
