"""Pictures: the same results give the same bytes, and what a result may lack does not break them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.overview import overview
from lab.plots import plot

if TYPE_CHECKING:
    from pathlib import Path

EPISODES = [
    {"alert": "LLMQueueGrowing", "severity": "critical", "start": 60.0, "end": 200.0, "true": True},
    {"alert": "LLMKVCacheHigh", "severity": "warning", "start": 10.0, "end": 30.0, "true": False},
    {"alert": "LLMIdleSpendHigh", "severity": "info", "start": 10.0, "end": 30.0, "true": True},
]


def _result(**changes: object) -> dict[str, Any]:
    signal = {"time": 7.5, "replicas": 1, "running": 3, "waiting": 2, "kv_usage": 0.5, "preemptions": 0}
    lead = {"lead": 40.0, "burn_lead": -100.0}
    return {
        "scenario": "ramp", "description": "A ramp. " * 20, "duration": 300.0, "replicas": 1, "slo": {"ttft": 2.0},
        "incident": {"at": 50.0, "step": False, "silent": False}, "pain": [{"start": 100.0, "end": 200.0}],
        "oracle": {"held": 30.0, "cut": None},
        "curves": {"signals": [signal, {**signal, "time": 22.5}], "ttft_p99": [[60, 0.1], [120, 9.0]]},
        "scores": {
            "forewarn": {**lead, "episodes": EPISODES},
            "rival": {"lead": None, "burn_lead": None, "episodes": EPISODES[:1]},
        },
        **changes,
    }  # fmt: skip


def test_a_picture_names_our_alerts_and_each_rival(tmp_path: Path) -> None:
    """Pages, tickets, what was false; no info. The same result gives the same bytes."""
    for name in ("a.svg", "b.svg"):
        plot(_result(), tmp_path / name)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert all(word in text for word in ("LLMQueueGrowing", "LLMKVCacheHigh", "rival, pages", ">false<"))
    assert "LLMIdleSpendHigh" not in text


def test_a_quiet_day_has_a_picture(tmp_path: Path) -> None:
    """No incident, no pain, no alert, no request."""
    quiet = {"forewarn": {"lead": None, "burn_lead": None, "episodes": []}}
    plot(_result(incident=None, pain=[], scores=quiet, curves={"signals": [], "ttft_p99": []}), tmp_path / "quiet.svg")
    assert "ramp: A ramp." in (tmp_path / "quiet.svg").read_text(encoding="utf-8")


def test_the_set_is_one_picture_of_what_can_be_foreseen(tmp_path: Path) -> None:
    """Without such an incident there is none; a pack that never paged has no mark."""
    overview([_result(), _result(scenario="never", oracle=None)], tmp_path / "leads.svg")
    assert "never (1)" in (tmp_path / "leads.svg").read_text(encoding="utf-8")
    overview([_result(incident=None)], tmp_path / "none.svg")
    assert not (tmp_path / "none.svg").exists()
