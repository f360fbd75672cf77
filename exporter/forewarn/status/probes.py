"""What the status page shows of the probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.probes.liveness import Liveness
    from forewarn.probes.panel import Panel
    from forewarn.probes.warmup import Gate

    Json = dict[str, object]


def probes_json(panel: Panel, now: float, quality_gate: float | None, runbook: Callable[[str], str]) -> Json:
    """Every probe as it stands, None for one that is turned off; `now` in seconds since the epoch.

    `runbook` gives the address of an alert's.
    """
    below = {"gate": quality_gate, "alert": "LLMQualityBelowGate", "runbook": runbook("LLMQualityBelowGate")}
    return {
        "warmup": None if panel.gate is None else _warmup(panel.gate, runbook("LLMWarmupFailed")),
        "liveness": None if panel.liveness is None else _liveness(panel.liveness),
        "suites": [{**row, **below} for row in _suites(panel, now)],
        "errors": [f"{source}: {error}" for source, error in panel.inbox.errors.items()],
    }


def _warmup(gate: Gate, runbook: str) -> Json:
    state = gate.look()
    return {
        "state": state,
        "alert": "LLMWarmupFailed" if state == "failed" else None,
        "runbook": runbook if state == "failed" else None,
        "progress": gate.progress,
        "reason": gate.verdict()[1],
        "duration": gate.duration,
        "cold_start": gate.cold_start,
    }


def _liveness(liveness: Liveness) -> Json:
    last = liveness.last
    return {
        "result": None if last is None else last.result,
        "detail": "" if last is None else last.detail,
        "at": liveness.at,
        "idle_after": liveness.idle_after,
    }


def _suites(panel: Panel, now: float) -> list[Json]:
    """Suites of golden prompts, run or not, and those scored elsewhere."""
    scores = {score.suite: score for score in panel.board.known(now)}
    problems = {course.suite.name: course.problem for course in panel.golden.courses}
    rows: list[Json] = []
    for name in sorted(scores.keys() | problems.keys()):
        score = scores.get(name)
        fresh = score is not None and panel.board.is_fresh(score, now)
        rows.append(
            {
                "suite": name,
                "source": score.source if score else "golden",
                "score": score.value if score and fresh else None,
                "evaluated": score.evaluated if score else None,
                "problem": problems.get(name) or ("the score is too old" if score and not fresh else ""),
            }
        )
    return rows
