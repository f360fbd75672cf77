"""Golden prompts in virtual time: the shipped probes ask, and the scenario says how often the answer is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.fleet import Fleet
from lab.pain import Outcomes
from lab.watch import Watch
from tests.unit.lab.lab_runs import SMALL, scenario

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = SMALL.replace("seed: 3", "seed: 3\nfleet: {golden: {every_seconds: 60, gate: 0.8}}")


def _scores(tmp_path: Path, text: str, until: float = 119.0) -> list[tuple[float, float]]:
    """(Time, score) whenever the sidecar's score of the suite changed."""
    played = scenario(tmp_path, text)
    fleet = Fleet(played, played.arrivals(), Outcomes())
    watch = Watch(fleet.replicas[0], played, "lab")
    seen: list[tuple[float, float]] = []
    while watch.due < until:
        fleet.advance(watch.due)
        now = watch.due
        watch.poll()
        score = next((score.value for score in watch.scores()), None)
        if score is not None and (not seen or seen[-1][1] != score):
            seen.append((now, score))
    return seen


def test_a_sound_model_passes_every_golden_prompt(tmp_path: Path) -> None:
    """All twenty words are said."""
    assert [score for _, score in _scores(tmp_path, GOLDEN)] == [1.0]


def test_a_drifted_model_fails_its_share(tmp_path: Path) -> None:
    """From the fault on, at the next run of the suite, and not before."""
    drifted = GOLDEN + "faults:\n  - {kind: drift, at: 40, share: 0.5}\n"
    (_, before), (at, after) = _scores(tmp_path, drifted)
    assert before == 1.0
    assert at > 60.0
    assert 0.2 <= after <= 0.8


def test_without_golden_prompts_nothing_is_asked(tmp_path: Path) -> None:
    """As in every other scenario."""
    assert _scores(tmp_path, SMALL, until=30.0) == []
