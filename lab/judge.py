"""Prometheus' own rule engine over a tape, through `promtool test rules`.

promtool evaluates the rule groups in order at every interval over the tape's series: recording rules see each other
and themselves as in a server, `for`, `keep_firing_for` and staleness included. The test expects no alert at any moment,
and what it complains about are the alerts. See docs/decisions/ for why not a server.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from lab.fleet import EPOCH
from lab.tape import SCRAPE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lab.tape import Tape

EVALUATE_SECONDS = SCRAPE_SECONDS
TIMEOUT = 900.0
GARBAGE = "400"
"""Go collects garbage four times as rarely as by default: a fifth less CPU for some hundred MB."""
_FIRING = 'ALERTS{alertstate="firing"}'
_TIME = re.compile(r"time: ((?:\d+[wdhms])+),")
_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_ALERT = re.compile(r'\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\} 1E\+00')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class JudgeError(RuntimeError):
    """promtool is missing, or does not understand what it is given."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A set of rule files with a name."""

    name: str
    files: tuple[Path, ...]

    def groups(self) -> list[str]:
        """Names of its groups, in the order of evaluation."""
        return [group["name"] for file in self.files for group in _document(file)["groups"]]

    def alerts(self) -> set[str]:
        """Names of its alerts."""
        rules = (rule for file in self.files for group in _document(file)["groups"] for rule in group["rules"])
        return {rule["alert"] for rule in rules if "alert" in rule}


@dataclass(frozen=True, slots=True, order=True)
class Firing:
    """One alert firing from `start` to `end`, in seconds of the scenario."""

    start: float
    end: float
    alert: str
    severity: str
    labels: tuple[tuple[str, str], ...]


def names(packs: Iterable[Pack]) -> frozenset[str]:
    """Every name that occurs in an expression of the packs: a superset of the series that they read."""
    found: set[str] = set()
    for pack in packs:
        for file in pack.files:
            for group in _document(file)["groups"]:
                for rule in group["rules"]:
                    found.update(_NAME.findall(str(rule["expr"])))
    return frozenset(found)


def firings(tape: Tape, packs: Sequence[Pack], folder: Path) -> list[Firing]:
    """All alerts of the packs over a tape; `folder` takes promtool's input. Raises JudgeError."""
    path = folder / "tape.test.json"
    path.write_text(json.dumps(_test(tape, packs)), encoding="utf-8")
    program = shutil.which("promtool")
    if program is None:
        raise JudgeError("promtool is not on PATH: apt-get install prometheus")
    done = subprocess.run(  # noqa: S603  the program is found above, the file is written above
        [program, "test", "rules", str(path)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, "GOGC": GARBAGE},
    )
    if done.returncode == 0:
        return []
    said = done.stdout + done.stderr
    if "FAILED:" not in said:
        raise JudgeError(f"promtool: {said.strip()[:500]}")
    return _joined(_complaints(said))


def _test(tape: Tape, packs: Sequence[Pack]) -> dict[str, object]:
    steps = tape.length + 1
    return {
        "rule_files": [str(file.resolve()) for pack in packs for file in pack.files],
        "evaluation_interval": f"{EVALUATE_SECONDS}s",
        "group_eval_order": [group for pack in packs for group in pack.groups()],
        "tests": [
            {
                "interval": f"{SCRAPE_SECONDS}s",
                "input_series": tape.input_series(names(packs)),
                "promql_expr_test": [
                    {"expr": _FIRING, "eval_time": f"{step * EVALUATE_SECONDS}s", "exp_samples": []}
                    for step in range(steps)
                ],
            }
        ],
    }


def _complaints(said: str) -> Iterable[tuple[float, dict[str, str]]]:
    """(seconds of the scenario, labels) of every alert found firing, in order of time."""
    time = 0.0
    for line in said.splitlines():
        if ", err: " in line:
            # A rule that cannot be evaluated, which ends the test before any alert is looked at.
            raise JudgeError(f"promtool: {line.strip()[:300]}")
        if found := _TIME.search(line):
            time = sum(int(part[:-1]) * _UNITS[part[-1]] for part in re.findall(r"\d+[wdhms]", found[1])) - EPOCH
        elif line.lstrip().startswith("got: {"):
            for alert in _ALERT.finditer(line):
                yield time, {name: value for name, value in _LABEL.findall(alert[1]) if name != "__name__"}
        elif "exp:" not in line and line.strip() and "FAILED:" not in line and "Unit Testing" not in line:
            raise JudgeError(f"promtool: {line.strip()[:300]}")


def _joined(moments: Iterable[tuple[float, dict[str, str]]]) -> list[Firing]:
    """Consecutive moments of one alert as one firing."""
    live: dict[tuple[tuple[str, str], ...], tuple[float, float]] = {}
    done: list[Firing] = []
    for time, labels in moments:
        key = tuple(sorted(labels.items()))
        start, last = live.get(key, (time, time))
        if time - last > EVALUATE_SECONDS:
            done.append(_firing(key, start, last))
            start = time
        live[key] = (start, time)
    done += [_firing(key, start, last) for key, (start, last) in live.items()]
    return sorted(done)


def _firing(key: tuple[tuple[str, str], ...], start: float, last: float) -> Firing:
    labels = dict(key)
    return Firing(start, last + EVALUATE_SECONDS, labels["alertname"], labels.get("severity", ""), key)


def _document(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text(encoding="utf-8"))  # type: ignore[no-any-return]  # checked by promtool
