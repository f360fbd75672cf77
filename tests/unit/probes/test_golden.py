"""Golden prompts: scores of whole runs, what does not count, and when they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forewarn.probes.reply import Reply
from tests.unit.probes.worlds import ProbeWorld, failure

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """
suite: smoke
endpoint: completions
cases:
  - {id: one, prompt: one, expect: {contains: "1"}}
  - {id: two, prompt: two, expect: {contains: "2"}}
  - {id: three, prompt: three, expect: {contains: "3"}}
  - {id: four, prompt: four, expect: {contains: "4"}}
"""
RIGHT = {"one": "1", "two": "2", "three": "3", "four": "4"}


def answering(texts: dict[str, str]) -> object:
    """An engine that answers each prompt with its text."""

    def reply(ask: object) -> Reply:
        text = texts[ask.fields["prompt"]]  # type: ignore[attr-defined]  # an Ask
        return Reply("success" if text else "empty", "", text, 0.2, 0.1, 5, 2, "stop")

    return reply


@pytest.fixture
def world(tmp_path: Path) -> ProbeWorld:
    """A sidecar with a suite of four cases, every minute, beside an engine that answers right."""
    path = tmp_path / "smoke.yml"
    path.write_text(SUITE, encoding="utf-8")
    world = ProbeWorld(probe__enabled=False, warmup__enabled=False, quality__suites=str(path), quality__interval=60)
    world.asker.reply = answering(RIGHT)  # type: ignore[assignment]  # gives a Reply
    return world


def score(world: ProbeWorld) -> float | None:
    """The suite's score."""
    return world.value("llm_quality_score", suite="smoke")


def test_a_suite_of_right_answers_scores_one(world: ProbeWorld) -> None:
    """Once every case was asked; with the time, the outcomes, and one request at a time."""
    assert score(world) is None
    world.turn(10.0)
    assert score(world) == 1
    evaluated = world.value("llm_quality_evaluated_timestamp_seconds", suite="smoke") or 0.0
    assert 0 <= world.clock.wall() - evaluated <= 10
    assert world.value("llm_quality_cases_total", suite="smoke", outcome="passed") == 4
    assert [ask.fields["prompt"] for ask in world.asker.asked] == ["one", "two", "three", "four"]
    assert world.value("llm_probe_requests_total", kind="golden", result="success") == 4


def test_wrong_and_empty_answers_drop_the_score_and_are_told_apart(world: ProbeWorld) -> None:
    """The log names the cases, not their prompts or answers."""
    world.turn(10.0)
    world.asker.reply = answering({**RIGHT, "two": "elephant", "four": ""})  # type: ignore[assignment]  # gives a Reply
    world.turn(60.0)
    assert score(world) == 0.5
    assert world.value("llm_quality_cases_total", outcome="failed") == 1
    assert world.value("llm_quality_cases_total", outcome="empty") == 1
    (line,) = world.lines("not passed: two, four")
    assert "elephant" not in line


def test_it_runs_on_its_schedule(world: ProbeWorld) -> None:
    """A run at once, then one per interval."""
    world.turn(10.0)
    assert len(world.asker.asked) == 4
    world.turn(40.0)
    assert len(world.asker.asked) == 4
    world.turn(30.0)
    assert len(world.asker.asked) == 8


def test_an_answer_that_could_not_be_had_is_asked_again_and_then_the_run_does_not_count(world: ProbeWorld) -> None:
    """A busy moment costs nothing; an engine that does not answer scores nothing, and the last score stands."""
    world.turn(10.0)
    right, seen = world.asker.reply, []

    def once(ask: object) -> Reply:
        seen.append(ask)
        return failure("timeout") if len(seen) == 2 else right(ask)  # type: ignore[arg-type]  # an Ask

    world.asker.reply = once
    world.turn(60.0)
    assert len(seen) == 5
    assert score(world) == 1
    before = world.value("llm_quality_evaluated_timestamp_seconds")
    world.asker.reply = lambda _ask: failure("timeout")
    world.turn(120.0)
    assert score(world) == 1
    assert world.value("llm_quality_evaluated_timestamp_seconds") == before
    assert world.value("llm_quality_cases_total", outcome="error") == 8
    assert len(world.lines("run does not count: timeout: the detail")) == 1
    assert world.parts.web._status()["probes"]["suites"][0]["problem"] == "timeout: the detail"  # type: ignore[index]  # JSON


def test_a_busy_engine_is_asked_again_and_silence_is_an_answer(world: ProbeWorld) -> None:
    """429 says nothing of the suite; a stream without a token says what a user would read: nothing."""
    replies = iter([failure("busy"), failure("no_tokens"), failure("no_tokens")])
    right = world.asker.reply
    world.asker.reply = lambda ask: next(replies, None) or right(ask)
    world.turn(15.0)
    assert len(world.asker.asked) == 5
    assert score(world) == 0.5
    assert world.value("llm_quality_cases_total", outcome="empty") == 2


@pytest.mark.parametrize("result", ["unauthorized", "refused"])
def test_a_wrong_key_or_model_ends_the_run_at_once(world: ProbeWorld, result: str) -> None:
    """Every other case would meet the same; no score, and the reason is on the status page."""
    world.asker.reply = lambda _ask: failure(result)
    world.turn(50.0)
    assert len(world.asker.asked) == 1
    assert score(world) is None
    (row,) = world.parts.web._status()["probes"]["suites"]  # type: ignore[index]  # JSON
    assert (row["suite"], row["score"], row["problem"]) == ("smoke", None, f"{result}: the detail")


def test_a_restart_drops_the_score_and_runs_anew(world: ProbeWorld) -> None:
    """What the old process answered says nothing of the new one."""
    world.turn(10.0)
    world.asker.takes = 2.0
    world.engine.restart()
    world.turn(2.5)
    assert score(world) is None
    world.turn(15.0)
    assert score(world) == 1


def test_it_waits_for_the_warm_up(tmp_path: Path) -> None:
    """A cold replica is not judged."""
    path = tmp_path / "smoke.yml"
    path.write_text(SUITE, encoding="utf-8")
    world = ProbeWorld(quality__suites=str(path), warmup__prompt_tokens=16)
    world.turn(30.0)
    kinds = ["warmup" if isinstance(ask.fields["prompt"], list) else "golden" for ask in world.asker.asked]
    assert kinds == ["warmup"] * 3 + ["golden"] * 4


def test_its_budget_holds(tmp_path: Path) -> None:
    """When the hour's tokens are spent a run goes on once there are some again; nothing is judged by half."""
    path = tmp_path / "smoke.yml"
    path.write_text(SUITE, encoding="utf-8")
    world = ProbeWorld(
        probe__enabled=False,
        warmup__enabled=False,
        quality__suites=str(path),
        quality__tokens_per_hour=300,
        quality__interval=60,
    )
    world.asker.reply = lambda _ask: Reply("success", "", "1234", 0.2, 0.1, 36, 4, "stop")
    world.turn(180.0)
    assert len(world.asker.asked) == 6
    assert world.value("llm_quality_cases_total", outcome="passed") == 6
    assert score(world) == 1
    assert world.value("llm_probe_held_total", kind="golden", reason="budget") == 1
    evaluated = world.value("llm_quality_evaluated_timestamp_seconds") or 0.0
    assert world.clock.wall() - evaluated > 100


def test_an_old_score_is_dropped_and_its_time_stays(world: ProbeWorld) -> None:
    """So that the alert on stale quality has something to go by."""
    world.turn(10.0)
    world.engine.error = None
    world.asker.reply = lambda _ask: failure("unauthorized")
    world.clock.advance(86_400.0)
    world.turn(2.0)
    assert score(world) is None
    assert world.value("llm_quality_evaluated_timestamp_seconds", suite="smoke") is not None
    world.clock.advance(7 * 86_400.0)
    world.turn(2.0)
    assert world.value("llm_quality_evaluated_timestamp_seconds", suite="smoke") is None
