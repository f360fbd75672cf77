"""One scenario from its file to its score. Plays and scores are kept while their inputs are the same."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lab import kept
from lab.judge import Pack, firings, names
from lab.oracle import oracle
from lab.pain import Spell
from lab.play import play
from lab.score import score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lab.kept import Result
    from lab.play import Played
    from lab.scenario import Scenario
    from lab.tape import Tape

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "rules" / "v1"
OURS = "forewarn"
_CODE = ("exporter/forewarn", "lab")
_AFTERWARDS = frozenset(
    f"{name}.py"
    for name in "__main__ guard judge kept openmetrics overview plots report run score suite summary".split()  # noqa: SIM905
)
"""Modules of the lab at work after the play."""
_JUDGING = ("judge.py", "score.py", "run.py")


def packs(rules: Path = RULES) -> list[Pack]:
    """The pack whose files lie in `rules`, then the rivals by name. Raises JudgeError."""
    rivals = sorted((ROOT / "lab" / "baselines").glob("*.rules.yml"))
    ours = Pack(OURS, tuple(sorted(rules.glob("*.rules.yml"))))
    return [ours, *(Pack(path.name.removesuffix(".rules.yml"), (path,)) for path in rivals)]


def run(scenario: Scenario, chosen: Sequence[Pack], folder: Path, progress: Callable[[float], None]) -> Result:
    """The scenario's result, from `folder` where it is kept."""
    playing = _playing(scenario, chosen)
    fingerprint = judging(scenario, chosen)
    found = kept.result(folder, scenario.name, fingerprint)
    if found is None:
        tape, about = kept.tape(folder, scenario.name, playing) or _played(scenario, chosen, folder, progress)
        found = {"fingerprint": fingerprint, **_judged(scenario, chosen, tape, about)}
        kept.keep_result(folder, scenario.name, found)
    return found


def judging(scenario: Scenario, chosen: Sequence[Pack]) -> str:
    """Changes when the play, a rule, or the way of scoring does."""
    rules = [file for pack in chosen for file in pack.files]
    return kept.digest([_playing(scenario, chosen), *rules, *(ROOT / "lab" / name for name in _JUDGING)])


def tape_of(scenario: Scenario, chosen: Sequence[Pack], folder: Path) -> Tape | None:
    """What was scraped in a kept play."""
    found = kept.tape(folder, scenario.name, _playing(scenario, chosen))
    return found[0] if found else None


def _playing(scenario: Scenario, chosen: Sequence[Pack]) -> str:
    """Changes when the scenario does, the code that plays it, or what the rivals want scraped."""
    code = [path for place in _CODE for path in sorted((ROOT / place).rglob("*.py"))]
    played = [path for path in code if path.parent != ROOT / "lab" or path.name not in _AFTERWARDS]
    return kept.digest([scenario.digest, *played, *sorted(_scraped(chosen))])


def _scraped(chosen: Sequence[Pack]) -> frozenset[str]:
    """Series of the engines' own pages that some rule reads. Of the sidecars', all are kept."""
    return frozenset(name for name in names(chosen) if name.startswith("vllm:"))


def _played(
    scenario: Scenario, chosen: Sequence[Pack], folder: Path, progress: Callable[[float], None]
) -> tuple[Tape, Result]:
    played = play(scenario, _scraped(chosen), progress)
    about = {
        "pain": [asdict(spell) for spell in played.pain],
        "requests": len(played.verdicts),
        "missed": sum(verdict.bad for verdict in played.verdicts),
        "oracle": _oracle(scenario, played),
        "curves": kept.curves(played),
    }
    kept.keep_tape(folder, scenario.name, _playing(scenario, chosen), played.tape, about)
    return played.tape, about


def _judged(scenario: Scenario, chosen: Sequence[Pack], tape: Tape, about: Result) -> Result:
    with tempfile.TemporaryDirectory() as place:
        fired = firings(tape, chosen, Path(place))
    pain = [Spell(**spell) for spell in about["pain"]]
    scores = {pack.name: asdict(score(fired, pack.alerts(), pain, scenario.incident)) for pack in chosen}
    return {**_about(scenario), **about, "scores": scores}


def _oracle(scenario: Scenario, played: Played) -> Result | None:
    """How early anybody could know of an incident that hurts by and by; a step fault is not to be foreseen."""
    incident = scenario.incident
    if incident is None or incident.step or incident.silent:
        return None
    begin = next((spell.start for spell in played.pain if spell.end >= incident.at), None)
    return None if begin is None else asdict(oracle(scenario, begin))


def _about(scenario: Scenario) -> Result:
    """The scenario in a few values."""
    return {
        "scenario": scenario.name,
        "description": scenario.description,
        "split": scenario.split,
        "shape": scenario.shape,
        "replicas": len(scenario.members),
        "duration": scenario.duration,
        "replica_days": _replica_days(scenario),
        "incident": asdict(scenario.incident) if scenario.incident else None,
        "slo": asdict(scenario.slo),
    }


def _replica_days(scenario: Scenario) -> float:
    ends = (scenario.duration if m.leaves is None else m.leaves for m in scenario.members)
    return sum(end - member.joins for end, member in zip(ends, scenario.members, strict=True)) / 86400
