"""What the sidecar says while the engine has a bad day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.stack import PHASE

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

FAST = {
    "FOREWARN_POLL_FULL_INTERVAL": "0.5",
    "FOREWARN_SAMPLING_STALL_AFTER": "3",
    # The faults come seconds after the start: a warm-up on a busy machine would see them instead of the test.
    "FOREWARN_WARMUP_ENABLED": "false",
}


def scenario(**fault: object) -> dict[str, object]:
    """An easy load with one fault four seconds in."""
    return {"phases": [{**PHASE, "duration": 600}], "faults": [{"at": 4, **fault}]}


def test_crash_takes_the_series_away_and_recovery_brings_counters_that_never_fell(stack: Stack) -> None:
    """A crash shows as up 0 with nothing stale beside it; after the restart counters go on from where they were."""
    stack.start(scenario(kind="crash", restart_after=4), **FAST)
    stack.until(lambda: (stack.value("llm_generation_tokens_total") or 0) > 100)
    before: list[float] = []

    def down() -> bool:
        page = stack.samples()
        before.append(page.get(("llm_generation_tokens_total", ""), before[-1] if before else 0.0))
        return page["llm_engine_up", ""] == 0

    stack.until(down)
    engine_series = {name for name, _ in stack.samples() if name.startswith("llm_")} - {"llm_engine_up"}
    # What probes counted is the sidecar's own knowledge and stays.
    kept = ("llm_objective_", "llm_replica_", "llm_probe_", "llm_warmup_duration")
    assert all(name.startswith(kept) for name in engine_series)
    stack.until(lambda: stack.value("llm_engine_up") == 1)
    stack.until(lambda: (stack.value("llm_generation_tokens_total") or 0) > max(before))
    assert "engine restarted" in (stack.folder / "forewarn.log").read_text(encoding="utf-8")


def test_wedge_is_a_stall_while_health_answers(stack: Stack) -> None:
    """A scheduler that stands still is a stall although the page answers, and no longer one once it goes on."""
    stack.start(scenario(kind="wedge", duration=10), **FAST)
    stack.until(lambda: stack.value("llm_engine_stalled") == 1)
    assert stack.value("llm_engine_up") == 1
    stack.until(lambda: stack.value("llm_engine_stalled") == 0)


def test_rename_turns_its_signal_to_missing(stack: Stack) -> None:
    """A renamed gauge is a missing signal with one log line, and its series is absent instead of zero."""
    rename = {"from": "vllm:kv_cache_usage_perc", "to": "vllm:kv_cache_utilization_ratio"}
    stack.start(scenario(kind="rename_metric", **rename), **FAST)
    stack.until(lambda: stack.value("forewarn_signal_available", "kv_cache_usage") == 0)
    assert stack.value("llm_kv_cache_usage_ratio") is None
    assert stack.value("llm_requests_running") is not None
    log = (stack.folder / "forewarn.log").read_text(encoding="utf-8")
    assert log.count("signal kv_cache_usage is gone") == 1


def test_empty_outputs_are_counted(stack: Stack) -> None:
    """Answers that end at once without text raise the estimated count of empty outputs."""
    stack.start(scenario(kind="empty_outputs", duration=500, share=0.5), **FAST)
    stack.until(lambda: (stack.value("llm_requests_empty_total", "estimated") or 0) >= 10)
    finished = stack.value("llm_requests_finished_total", "stop") or 0
    assert (stack.value("llm_requests_empty_total", "estimated") or 0) <= finished
