"""Thresholds as series."""

from __future__ import annotations

from forewarn import config
from forewarn.catalogue import OBJECTIVES
from forewarn.errors import FetchError
from tests.unit.collectors.harness import World
from tests.unit.collectors.worlds import working

DEFAULTS = {
    "llm_objective_ttft_seconds": 2.0,
    "llm_objective_tpot_seconds": 0.1,
    "llm_objective_e2e_seconds": 60.0,
    "llm_objective_slo_ratio": 0.99,
    "llm_objective_kv_cache_usage_ratio": 0.85,
    "llm_objective_queue_pressure_ratio": 1.0,
    "llm_objective_queue_time_seconds": 1.0,
    "llm_objective_spare_replicas": 1.0,
}


def objectives(world: World) -> dict[str, float | None]:
    """The objectives on the page."""
    return {name: world.value(name) for name in world.families() if name.startswith("llm_objective_")}


def test_the_defaults_are_exported_and_what_is_not_set_is_absent() -> None:
    """Quality, cost and measured capacity have no default that would be right for anybody."""
    assert objectives(working()) == DEFAULTS


def test_a_setting_changes_its_series() -> None:
    """A budget is changed in the configuration, without touching a rule."""
    world = working(objectives__ttft_seconds="750ms", objectives__cost_usd_per_million_tokens=3)
    expected = {"llm_objective_ttft_seconds": 0.75, "llm_objective_cost_usd_per_million_tokens": 3}
    assert objectives(world) == DEFAULTS | expected


def test_deploy_headroom_costs_no_series_unless_it_is_set() -> None:
    """A headroom of none may be said, too."""
    for replicas in (0, 2):
        expected = {"llm_objective_deploy_headroom_replicas": float(replicas)}
        assert objectives(working(objectives__deploy_headroom_replicas=replicas)) == DEFAULTS | expected


def test_objectives_outlive_the_engine() -> None:
    """A rule that compares with a threshold still finds it when the engine is gone."""
    world = working()
    world.engine.error = FetchError("refused", "no")
    world.run(60.0)
    assert objectives(world) == DEFAULTS
    assert objectives(World()) == DEFAULTS


def test_every_objective_has_a_setting() -> None:
    """Series and settings are named alike."""
    loaded = config.load(None, {}, {})
    for metric in OBJECTIVES:
        loaded.optional("objectives." + metric.name.removeprefix("llm_objective_"))
