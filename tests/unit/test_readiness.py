"""Readiness with hysteresis: a stall takes a replica out and brings it back, load never does."""

from __future__ import annotations

from forewarn.errors import FetchError
from tests.unit.probes.worlds import ProbeWorld, failure, idle


def stalled(**settings: object) -> ProbeWorld:
    """A replica whose probes fail from now on."""
    world = idle(probe__idle_after=10, **settings)
    world.turn(5.0)
    world.asker.reply = lambda _ask: failure("timeout")
    world.turn(8.0)
    assert world.value("llm_engine_stalled") == 1
    return world


def test_a_stall_takes_it_out_only_after_a_while() -> None:
    """Ready through down_after, then not, with the reason."""
    world = stalled()
    assert world.ready() == (True, "ready")
    world.turn(25.0)
    assert world.ready() == (True, "ready")
    world.turn(8.0)
    ready, reason = world.ready()
    assert not ready
    assert reason.startswith("engine stalled for 3")
    assert world.value("llm_replica_ready") == 0


def test_it_comes_back_only_after_it_moved_for_a_while() -> None:
    """A single token is no recovery."""
    world = stalled()
    world.turn(40.0)
    world.asker.reply = type(world.asker)().reply
    world.engine.rank.tokens += 1
    world.turn(5.0)
    ready, reason = world.ready()
    assert not ready
    assert "has moved for" in reason
    world.turn(14.0)
    assert world.ready() == (True, "ready")


def test_flapping_stays_out() -> None:
    """A stall in between begins the wait anew."""
    world = stalled()
    world.turn(40.0)
    for _ in range(3):
        world.engine.rank.tokens += 1
        world.turn(5.0)
        world.asker.reply = lambda _ask: failure("timeout")
        world.turn(12.0)
        assert not world.ready()[0]


def test_it_does_not_depend_on_who_asks_when() -> None:
    """Durations are counted from poll to poll, not from question to question."""
    world = stalled()
    world.turn(40.0)
    assert not world.ready()[0]


def test_it_may_ignore_stalls() -> None:
    """Those who restart by other means say so."""
    world = stalled(readiness__follow_stall=False)
    world.turn(60.0)
    assert world.ready() == (True, "ready")


def test_an_api_that_answers_late_may_only_be_busy() -> None:
    """Timeouts of the page count as long as a stall; a closed port counts at once."""
    for kind, ready_at_20 in (("timeout", True), ("refused", False)):
        world = idle()
        world.turn(3.0)
        world.engine.error = FetchError(kind, "why")
        world.turn(20.0)
        assert world.ready()[0] == ready_at_20
        world.turn(20.0)
        assert not world.ready()[0]


def test_load_alone_never_takes_it_out() -> None:
    """A full cache, a long queue and slow progress for ten minutes."""
    world = idle()
    world.engine.rank.waiting, world.engine.rank.running, world.engine.rank.kv = 10_000, 256, 1.0
    for _ in range(60):
        world.engine.rank.tokens += 1
        world.turn(10.0)
        assert world.ready() == (True, "ready")
    assert world.asker.asked == []
