"""What the page says of probes: warming, failed, probed, scored; and nothing for a sidecar that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from . import scenes

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Visit

pytestmark = pytest.mark.browser


def suite(score: float | None, problem: str = "") -> scenes.Scene:
    """A suite of golden prompts with a gate of 0.9."""
    runbook = f"{scenes.RUNBOOKS}LLMQualityBelowGate.md"
    when = scenes.NOW - 60
    return {
        "suite": "smoke", "source": "golden", "score": score, "evaluated": when, "problem": problem,
        "gate": 0.9, "alert": "LLMQualityBelowGate", "runbook": runbook,
    }  # fmt: skip


def probed(**changes: Any) -> scenes.Scene:  # noqa: ANN401  JSON values of any kind
    """A calm replica with every probe at work; `changes` replaces parts of the probes."""
    probes = {
        "warmup": {"state": "warm", "progress": 1.0, "reason": "warm", "duration": 4.2, "cold_start": 63.0},
        "liveness": {"result": "success", "detail": "", "at": scenes.NOW - 70, "idle_after": 30.0},
        "suites": [suite(0.95)],
        "errors": [],
    }
    return scenes.calm() | {"probes": probes | changes}


def warming() -> scenes.Scene:
    """A fresh replica half-way through its warm-up."""
    reason = "warming up: 5 of 9 requests done"
    gate = {"state": "warming", "progress": 0.5556, "reason": reason, "duration": None, "cold_start": None}
    return probed(warmup=gate, liveness=None, suites=[]) | {"ready": {"ready": False, "reason": reason}}


def fact(made: Visit, name: str) -> str | None:
    """A fact of the footer, None when it is not there."""
    found = made.page.locator(f"#facts div:has(dt:text-is('{name}')) dd")
    return (found.text_content() or "").replace("\u00a0", " ") if found.count() else None


def test_a_warming_replica_says_how_far_it_is(visit: Callable[..., Visit]) -> None:
    """In the verdict's note and in the footer."""
    made = visit(warming())
    expect(made.page.locator("#verdict-note")).to_contain_text(
        "Not ready for traffic: warming up: 5 of 9 requests done."
    )
    assert fact(made, "Warm-up") == "56 %: warming up: 5 of 9 requests done"
    assert fact(made, "Liveness probe") is None
    expect(made.page.locator("h1")).to_have_text("Warming up: no traffic yet")
    expect(made.page.locator("#verdict")).to_have_attribute("data-tone", "near")


def test_a_failed_warm_up_is_no_quiet_replica(visit: Callable[..., Visit]) -> None:
    """Red, with its runbook; a signal past its objective keeps its own headline."""
    scene = warming()
    runbook = f"{scenes.RUNBOOKS}LLMWarmupFailed.md"
    scene["probes"]["warmup"] |= {"state": "failed", "alert": "LLMWarmupFailed", "runbook": runbook}
    made = visit(scene)
    expect(made.page.locator("h1")).to_have_text("Warm-up failed: no traffic")
    expect(made.page.locator("#verdict")).to_have_attribute("data-tone", "over")
    expect(made.page.locator("#verdict-runbook a")).to_have_attribute("href", runbook)
    made = visit(scenes.incident() | {"probes": scene["probes"], "ready": scene["ready"]})
    expect(made.page.locator("h1")).to_contain_text("2 signals past their objective")
    expect(made.page.locator("#verdict-note")).to_contain_text("Not ready for traffic")


def test_quality_below_its_gate_is_the_verdict(visit: Callable[..., Visit]) -> None:
    """A model that is up, fast and wrong."""
    made = visit(probed(suites=[suite(0.62)]))
    expect(made.page.locator("h1")).to_have_text("Quality below its gate of 0.9: smoke 0.620")
    expect(made.page.locator("#verdict")).to_have_attribute("data-tone", "over")
    expect(made.page.locator("#verdict-runbook")).to_contain_text("LLMQualityBelowGate")


def test_probes_that_ran_are_facts(visit: Callable[..., Visit]) -> None:
    """What came of the last of each."""
    made = visit(probed())
    assert fact(made, "Warm-up") == "warm, in 4.2 s"
    assert fact(made, "Liveness probe") == "success, 1 min ago"
    assert fact(made, "Quality") == "smoke 0.950"


def test_problems_are_facts_too(visit: Callable[..., Visit]) -> None:
    """A suite that could not run and a file that could not be read say why; markup in them stays text."""
    never = {"result": None, "detail": "", "at": None, "idle_after": 30.0}
    made = visit(
        probed(suites=[suite(None, "refused: <b>x</b>")], errors=["file: expected JSON that is whole"], liveness=never)
    )
    assert fact(made, "Quality") == "smoke refused: <b>x</b>; file: expected JSON that is whole"
    assert fact(made, "Liveness probe") == "none yet, after 30 s without progress"


def test_a_sidecar_without_probes_says_nothing_of_them(visit: Callable[..., Visit]) -> None:
    """Turned off, or older than they are."""
    off = {"warmup": None, "liveness": None, "suites": [], "errors": []}
    for scene in (scenes.calm(), scenes.calm() | {"probes": off}):
        made = visit(scene)
        assert [fact(made, name) for name in ("Warm-up", "Liveness probe", "Quality")] == [None, None, None]
