"""The warm-up gate: closed until TTFT settled, told apart from failure, armed again by a restart."""

from __future__ import annotations

import pytest

from forewarn.probes.reply import Reply
from tests.unit.probes.worlds import ProbeWorld, failure, good


def fresh(**settings: object) -> ProbeWorld:
    """A sidecar beside an engine that has served nobody."""
    return ProbeWorld(probe__enabled=False, **settings)


def slow_at_first(world: ProbeWorld, slow: int) -> None:
    """The first requests take ten times as long."""
    world.asker.reply = lambda _ask: good(ttft=1.0 if len(world.asker.asked) <= slow else 0.1)


def test_a_fresh_replica_is_ready_once_every_length_settled() -> None:
    """Not before; the last TTFTs of each length agree, the slow ones at the start are past."""
    world = fresh(warmup__prompt_tokens="16,128")
    slow_at_first(world, 2)
    world.step()
    assert world.ready() == (False, "warming up: 0 of 6 requests done")
    assert (world.value("llm_replica_warm"), world.value("llm_replica_ready")) == (0, 0)
    assert world.value("llm_warmup_progress_ratio") == 0
    world.turn(60.0)
    assert world.ready() == (True, "ready")
    lengths = [len(list(ask.fields["prompt"])) for ask in world.asker.asked]  # type: ignore[call-overload]  # ids
    assert (lengths.count(16), lengths.count(128)) == (4, 4)
    assert (world.value("llm_replica_warm"), world.value("llm_replica_ready")) == (1, 1)
    assert world.value("llm_warmup_failed") == 0
    assert world.value("llm_warmup_progress_ratio") is None
    assert 0 < (world.value("llm_warmup_duration_seconds") or 0) < 30


def test_no_two_prompts_share_a_prefix() -> None:
    """The prefix cache answers none of them, so their TTFT is that of a prefill."""
    world = fresh()
    world.turn(60.0)
    prompts = [tuple(ask.fields["prompt"]) for ask in world.asker.asked]  # type: ignore[arg-type]  # ids
    assert len({prompt[:16] for prompt in prompts}) == len(prompts)


def test_the_cold_start_is_measured_from_the_process_s_start() -> None:
    """Weights, compilation and warm-up together."""
    world = fresh()
    world.engine.start_time = world.clock.wall() - 90.0
    world.turn(60.0)
    assert 90.0 <= (world.value("llm_replica_cold_start_seconds") or 0) <= 100.0


def test_without_a_start_no_cold_start_is_claimed() -> None:
    """Several API servers do not tell when they began."""
    world = fresh()
    world.engine.start_time = None
    world.turn(60.0)
    assert world.value("llm_replica_warm") == 1
    assert world.value("llm_replica_cold_start_seconds") is None


def test_an_engine_that_has_served_is_warm_when_first_seen() -> None:
    """A sidecar that restarts alone takes nobody out of rotation and sends nothing."""
    world = fresh()
    world.engine.rank.ttft = [0.1] * 10
    world.turn(10.0)
    assert world.ready() == (True, "ready")
    assert world.asker.asked == []
    assert world.value("llm_replica_warm") == 1
    assert world.value("llm_replica_cold_start_seconds") is None


def test_a_restart_arms_it_again() -> None:
    """However much the engine had served, the new process is cold; its model may be another."""
    world = fresh()
    world.engine.rank.ttft = [0.1] * 1000
    world.turn(10.0)
    assert world.ready()[0]
    world.asker.takes = 1.0
    world.engine.restart()
    world.turn(3.0)
    ready, reason = world.ready()
    assert not ready
    assert reason.startswith("warming up: ")
    world.turn(60.0)
    assert world.ready()[0]
    assert world.asker.forgotten == 1
    assert 0 < (world.value("llm_replica_cold_start_seconds") or 0) < 30


def test_ttft_that_does_not_settle_holds_it_and_says_which() -> None:
    """The deadline makes it a failure; it goes on trying, slowly, and opens when it can."""
    world = fresh(warmup__prompt_tokens=16, warmup__deadline=30)
    world.asker.reply = lambda _ask: good(ttft=0.1 if len(world.asker.asked) % 2 else 1.0)
    world.turn(20.0)
    assert world.ready()[1].startswith("warming up: TTFT of 16-token prompts has not settled (last ")
    world.turn(20.0)
    ready, reason = world.ready()
    assert (ready, reason.startswith("warm-up failed: TTFT of 16-token")) == (False, True)
    assert (world.value("llm_warmup_failed"), world.value("llm_replica_warm")) == (1, 0)
    sent = len(world.asker.asked)
    world.turn(60.0)
    assert 4 <= len(world.asker.asked) - sent <= 7
    world.asker.reply = good
    world.turn(60.0)
    assert world.ready() == (True, "ready")
    assert world.value("llm_warmup_failed") == 0


@pytest.mark.parametrize("result", ["timeout", "error", "unauthorized", "refused"])
def test_requests_that_fail_hold_it_with_their_reason(result: str) -> None:
    """The reason is on the page and logged once."""
    world = fresh(warmup__deadline=20)
    world.asker.reply = lambda _ask: failure(result)
    world.turn(10.0)
    assert world.ready() == (False, f"warming up: {result}: the detail")
    world.turn(20.0)
    assert world.ready() == (False, f"warm-up failed: {result}: the detail")
    assert len(world.lines(f"warm-up request: {result}")) == 1
    assert len(world.asker.asked) <= 10


def test_a_failed_warm_up_may_let_the_replica_in() -> None:
    """Those who would rather serve cold than not at all say so."""
    world = fresh(warmup__deadline=20, warmup__on_failure="open")
    world.asker.reply = lambda _ask: failure("unauthorized")
    world.turn(10.0)
    assert not world.ready()[0]
    world.turn(20.0)
    assert world.ready()[0]
    assert world.value("llm_warmup_failed") == 1


def test_an_engine_without_completions_is_not_held_back() -> None:
    """A pooling model cannot be warmed this way; nothing is claimed of it."""
    world = fresh()
    world.asker.reply = lambda _ask: failure("unsupported")
    world.turn(5.0)
    assert world.ready()[0]
    assert world.value("llm_replica_warm") is None
    assert len(world.asker.asked) == 1


def test_an_engine_that_shows_no_counters_is_not_held_back() -> None:
    """Nobody can tell whether it is fresh, and one that serves must not be taken out."""
    world = fresh()
    world.engine.hidden = set(world.engine.rank.families())
    world.turn(10.0)
    assert world.ready() == (True, "ready")
    assert world.asker.asked == []
    assert world.value("llm_replica_warm") is None


def test_a_model_that_cannot_be_found_out_holds_it() -> None:
    """The list of models is the first thing that is asked for."""
    world = fresh(warmup__deadline=20)
    world.asker.model = failure("unauthorized")
    world.turn(10.0)
    assert world.ready() == (False, "warming up: unauthorized: the detail")
    assert world.asker.asked == []


def test_prompts_fit_the_model() -> None:
    """Lengths are cut to the context, and no length comes twice."""
    world = fresh(warmup__prompt_tokens="16,500,1000")
    world.asker.model = type(world.asker.model)("m", 108)  # type: ignore[call-arg]  # a Served
    world.turn(60.0)
    assert {len(list(ask.fields["prompt"])) for ask in world.asker.asked} == {16, 100}  # type: ignore[call-overload]  # ids


def test_a_restart_in_the_middle_of_a_request_begins_anew() -> None:
    """What the old process answered does not warm the new one."""
    world = fresh(warmup__prompt_tokens=16)
    answers = iter(range(100))

    def reply(_ask: object) -> object:
        if next(answers) == 2:
            world.engine.restart()
            world.poller.poll_once()
        return good()

    world.asker.reply = reply  # type: ignore[assignment]  # a Reply
    world.turn(30.0)
    assert world.ready()[0]
    assert len(world.asker.asked) == 6


def test_it_can_be_turned_off() -> None:
    """Ready with the engine's first answer, and no series."""
    world = fresh(warmup__enabled=False)
    world.turn(5.0)
    assert world.ready() == (True, "ready")
    assert world.asker.asked == []
    assert not [name for name in world.families() if "warm" in name]


def test_its_budget_holds_a_restart_loop() -> None:
    """An engine that restarts over and over does not get endless prompts, and the replica says what it waits for."""
    world = fresh(warmup__tokens_per_hour=1000, warmup__prompt_tokens=100)
    world.asker.reply = lambda ask: Reply("success", "", "four", 0.2, 0.1, ask.tokens - 8, 8)
    for _ in range(10):
        world.engine.restart()
        world.turn(30.0)
    assert 0 < (world.value("llm_probe_tokens_total") or 0) <= 1000
    assert world.value("llm_probe_held_total", kind="warmup", reason="budget") == 1
    assert world.ready() == (False, "warming up: waits for its budget")
