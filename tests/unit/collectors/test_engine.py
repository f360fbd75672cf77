"""`llm_engine_*` by state of the engine."""

from __future__ import annotations

from forewarn.errors import FetchError
from tests.unit.collectors.harness import World
from tests.unit.collectors.worlds import working

OUTLIVES = {"llm_engine_up", "llm_replica_ready"}


def test_an_engine_never_seen_is_down_without_a_name() -> None:
    """A failed first poll is a 0 with an empty model, and nothing else of the engine."""
    world = World()
    world.engine.error = FetchError("refused", "no")
    world.step()
    assert world.value("llm_engine_up", model="", deployment="", engine="0") == 0
    shown = {name for name in world.families() if name.startswith("llm_") and not name.startswith("llm_objective_")}
    assert shown == OUTLIVES


def test_an_engine_that_went_down_takes_all_but_what_outlives_it() -> None:
    """Every value of the engine vanishes; up is 0, objectives and readiness stay."""
    world = working()
    assert world.value("llm_engine_up") == 1
    world.engine.error = FetchError("timeout", "no")
    world.step()
    shown = {name for name in world.families() if name.startswith("llm_") and not name.startswith("llm_objective_")}
    assert shown == OUTLIVES
    assert world.value("llm_engine_up") == 0


def test_start_and_progress_are_times_since_the_epoch() -> None:
    """The start is the process's own; progress is when a count was last seen to move."""
    world = working()
    world.engine.rank.tokens += 1
    world.poller.poll_once()
    seen = world.clock.wall()
    world.clock.advance(1.5)
    assert world.value("llm_engine_start_time_seconds") == 1_000
    assert world.value("llm_engine_last_progress_timestamp_seconds") == seen


def test_every_rank_has_its_own_series_under_the_configured_identity() -> None:
    """Deployment, version and track come from the settings, model and rank from the page."""
    world = World(deployment="chat", version="7", track="canary")
    world.engine.ranks["1"] = type(world.engine.rank)(waiting=2)
    world.step()
    identity = {"deployment": "chat", "version": "7", "track": "canary", "model": "m"}
    assert [world.value("llm_requests_waiting", engine=rank, **identity) for rank in "01"] == [0, 2]
    assert [world.value("llm_engine_up", engine=rank, **identity) for rank in "01"] == [1, 1]
