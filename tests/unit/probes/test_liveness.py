"""The liveness probe: silent under load, quick to see a wedge, and wary of blaming the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forewarn.probes.reply import RESULTS, Reply
from tests.unit.probes.worlds import failure, idle

if TYPE_CHECKING:
    from tests.unit.probes.worlds import ProbeWorld


def test_an_idle_engine_is_probed_at_intervals() -> None:
    """Every idle_after seconds once, give or take the poll that shows the last probe's tokens."""
    world = idle(probe__idle_after=30)
    world.turn(29.0)
    assert world.asker.times == []
    world.turn(100.0)
    gaps = [b - a for a, b in zip(world.asker.times, world.asker.times[1:], strict=False)]
    assert len(world.asker.times) == 4
    assert all(30 <= gap <= 33 for gap in gaps)
    assert world.value("llm_probe_success") == 1
    assert world.value("llm_probe_requests_total", kind="liveness", result="success") == 4
    assert world.value("llm_probe_tokens_total", kind="liveness") == 40
    assert world.value("llm_engine_stalled") == 0


def test_under_load_nothing_is_sent() -> None:
    """While tokens advance there is nothing to find out."""
    world = idle(probe__idle_after=5)
    for _ in range(60):
        world.engine.rank.tokens += 10
        world.engine.rank.running = 50
        world.turn(1.0)
    assert world.asker.asked == []
    assert world.value("llm_probe_success") is None


def test_a_wedge_with_no_work_in_sight_shows_within_idle_after_and_the_deadline() -> None:
    """Running is 0, /metrics fine, and no probe comes back: stalled, from one probe on."""
    world = idle(probe__idle_after=10, probe__deadline=5)
    world.turn(1.0)
    world.engine.rank.tokens += 1
    world.turn(2.0)
    began = world.clock.monotonic()
    world.asker.reply, world.asker.takes = (lambda _ask: failure("timeout")), 5.0
    while not world.value("llm_engine_stalled"):
        world.turn(0.25)
    assert world.clock.monotonic() - began <= 10 + 5 + 2
    assert world.asker.deadlines == [5.0]
    assert world.value("llm_probe_success") == 0
    assert world.value("llm_engine_up") == 1
    assert world.parts.web._status()["engine"]["state"] == "stalled"  # type: ignore[index]  # JSON
    assert world.parts.web._status()["engine"]["detail"] == "a probe failed and nothing advances"  # type: ignore[index]  # JSON


def wedged(**settings: object) -> ProbeWorld:
    """A sidecar that has seen a probe fail."""
    world = idle(probe__idle_after=10, **settings)
    world.asker.reply = lambda _ask: failure("timeout")
    world.turn(12.0)
    assert world.value("llm_engine_stalled") == 1
    return world


def test_a_stall_that_a_probe_found_ends_with_the_next_that_comes_back() -> None:
    """The engine goes on."""
    world = wedged()
    world.asker.reply = type(world.asker)().reply
    world.turn(12.0)
    assert (world.value("llm_engine_stalled"), world.value("llm_probe_success")) == (0, 1)


def test_a_stall_that_a_probe_found_ends_when_tokens_advance() -> None:
    """Whatever the probe says, an engine that moves is not stalled."""
    world = wedged()
    world.engine.rank.tokens += 5
    world.turn(3.0)
    assert world.value("llm_engine_stalled") == 0


def test_a_restart_forgets_what_a_probe_found() -> None:
    """The new process has failed nothing yet, and its model is asked for anew."""
    world = wedged()
    world.engine.restart()
    world.turn(3.0)
    assert world.value("llm_engine_stalled") == 0
    assert world.value("llm_probe_success") is None
    assert world.asker.forgotten >= 1


@pytest.mark.parametrize("result", [result for result, verdict in RESULTS.items() if verdict == "unclear"])
def test_what_is_not_the_engine_s_fault_is_no_stall(result: str) -> None:
    """A wrong key, an unknown model, a redirect: success is absent, and the log says it once."""
    world = idle(probe__idle_after=10)
    world.asker.reply = lambda _ask: failure(result)
    world.turn(60.0)
    assert world.value("llm_engine_stalled") == 0
    assert world.value("llm_probe_success") is None
    assert world.value("llm_probe_requests_total", result=result) == len(world.asker.asked) > 0
    assert len(world.lines(f"liveness probe: {result}")) == 1


@pytest.mark.parametrize("result", [result for result, verdict in RESULTS.items() if verdict == "failed"])
def test_what_an_engine_fails_at_is_a_stall(result: str) -> None:
    """In-band errors, half streams, silence and 5xx alike."""
    world = idle(probe__idle_after=10)
    world.asker.reply = lambda _ask: failure(result)
    world.turn(15.0)
    assert (world.value("llm_engine_stalled"), world.value("llm_probe_success")) == (1, 0)


def test_an_engine_that_is_down_or_shows_no_progress_is_not_probed() -> None:
    """Without its counters nobody can tell whether it is idle."""
    world = idle(probe__idle_after=10)
    world.engine.hidden = set(world.engine.rank.families())
    world.turn(60.0)
    assert world.asker.asked == []


def test_an_engine_without_completions_is_asked_once() -> None:
    """Until its next process."""
    world = idle(probe__idle_after=10)
    world.asker.reply = lambda _ask: failure("unsupported")
    world.turn(60.0)
    assert len(world.asker.asked) == 1
    world.engine.restart()
    world.turn(20.0)
    assert len(world.asker.asked) == 2


def test_it_can_be_turned_off() -> None:
    """No request and no series."""
    world = idle(probe__enabled=False)
    world.turn(120.0)
    assert world.asker.asked == []
    assert not [name for name in world.families() if name.startswith("llm_probe_")]


def test_its_budget_holds_however_often_it_is_due() -> None:
    """Once the hour's tokens are spent the probe waits, says so once, and counts it."""
    world = idle(probe__idle_after=5, probe__tokens_per_hour=50)
    world.turn(600.0)
    assert 2 <= len(world.asker.asked) <= 5
    assert world.value("llm_probe_held_total", kind="liveness", reason="budget") == 1
    assert len(world.lines("liveness probes wait")) == 1


def test_a_defect_of_the_probe_is_a_result_and_not_its_end() -> None:
    """What the client should never raise is counted as internal."""
    world = idle(probe__idle_after=5)

    def defect(_ask: object) -> None:
        raise LookupError("no")

    world.asker.reply = defect  # type: ignore[assignment]  # it gives no reply on purpose
    world.turn(12.0)
    assert world.value("llm_probe_requests_total", result="internal") == len(world.asker.asked)
    assert len(world.asker.asked) >= 2


def test_a_probe_of_the_process_before_says_nothing_of_the_new_one() -> None:
    """It failed because the engine was being restarted."""
    world = idle(probe__idle_after=10)

    def restarting(_ask: object) -> Reply:
        world.engine.restart()
        world.poller.poll_once()
        return failure("truncated")

    world.asker.reply = restarting
    world.turn(11.0)
    assert len(world.asker.asked) == 1
    assert world.value("llm_engine_stalled") == 0
