"""One scenario from its file to its score, kept in a folder and not repeated while its inputs are the same."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import openmetrics
from lab.judge import Pack, firings, names
from lab.oracle import oracle
from lab.play import play
from lab.score import score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lab.judge import Firing
    from lab.play import Played
    from lab.scenario import Scenario

Result = dict[str, Any]
"""What a result's JSON holds."""

ROOT = Path(__file__).resolve().parents[1]
OURS = "forewarn"
_CODE = ("exporter/forewarn", "lab")
_AFTERWARDS = {"__main__.py", "guard.py", "plots.py", "report.py", "suite.py", "summary.py"}
"""Modules of the lab that only show what was played."""


def packs() -> list[Pack]:
    """The pack of this repository, then the rivals by name."""
    rivals = sorted((ROOT / "lab" / "baselines").glob("*.rules.yml"))
    ours = Pack(OURS, tuple(sorted((ROOT / "rules" / "v1").glob("*.rules.yml"))))
    return [ours, *(Pack(path.name.removesuffix(".rules.yml"), (path,)) for path in rivals)]


def fingerprint(scenario: Scenario, chosen: Sequence[Pack]) -> str:
    """Changes when the scenario, the code that plays it, or a rule does."""
    digest = hashlib.sha256(scenario.digest.encode())
    code = [path for place in _CODE for path in sorted((ROOT / place).rglob("*.py"))]
    code = [path for path in code if not (path.parent == ROOT / "lab" and path.name in _AFTERWARDS)]
    for path in [*code, *(file for pack in chosen for file in pack.files)]:
        digest.update(str(path.name).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def run(
    scenario: Scenario, chosen: Sequence[Pack], progress: Callable[[float], None], series: Path | None = None
) -> Result:
    """Play, judge and score; returns what `result.json` holds. `series` takes what was scraped, as OpenMetrics."""
    played = play(scenario, names(chosen), progress)
    if series is not None:
        with series.open("w", encoding="utf-8") as file:
            file.writelines(openmetrics.lines(played.tape, end=time.time()))
    with tempfile.TemporaryDirectory() as folder:
        fired = firings(played.tape, chosen, Path(folder))
    return {
        "fingerprint": fingerprint(scenario, chosen),
        **about(scenario),
        "pain": [asdict(spell) for spell in played.pain],
        "requests": len(played.verdicts),
        "missed": sum(verdict.bad for verdict in played.verdicts),
        "oracle": _oracle(scenario, played),
        "scores": {pack.name: asdict(score(fired, pack.alerts(), played.pain, scenario.incident)) for pack in chosen},
        "plot": _plot(played, fired),
    }


def _oracle(scenario: Scenario, played: Played) -> Result | None:
    """How early anybody could know of an incident that hurts by and by; a step fault is not to be foreseen."""
    incident = scenario.incident
    if incident is None or incident.step or incident.silent:
        return None
    begin = next((spell.start for spell in played.pain if spell.end >= incident.at), None)
    return None if begin is None else asdict(oracle(scenario, begin))


def about(scenario: Scenario) -> Result:
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


def _plot(played: Played, fired: list[Firing]) -> Result:
    """What the plot needs: the fleet at each scrape, the slowest first token of each scrape, and who fired when."""
    slow: dict[int, list[float]] = {}
    for verdict in played.verdicts:
        if verdict.ttft < float("inf"):
            slow.setdefault(int(verdict.time // 60), []).append(verdict.ttft)
    return {
        "signals": [asdict(signal) for signal in played.signals],
        "ttft_p99": [(60 * (minute + 1), _p99(values)) for minute, values in sorted(slow.items())],
        "firings": [(f.alert, f.severity, f.start, f.end) for f in fired],
    }


def _p99(values: list[float]) -> float:
    return sorted(values)[round(0.99 * (len(values) - 1))]


def stored(folder: Path, name: str, expected: str) -> Result | None:
    """A result kept in `folder`, None when there is none of these inputs."""
    try:
        kept: Result = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return kept if kept.get("fingerprint") == expected else None


def keep(folder: Path, name: str, result: Result) -> Path:
    """Keep a result; a run that is interrupted leaves nothing half written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
    return path
