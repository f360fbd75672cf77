"""The standard set: every scenario below `lab/scenarios`, in parallel, resumed where it was interrupted."""

from __future__ import annotations

import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from lab.reading import load
from lab.run import ROOT, packs, run
from lab.vllm_sim.reader import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.kept import Result


class UnfinishedError(RuntimeError):
    """The time was over before the set was."""


SCENARIOS = ROOT / "lab" / "scenarios"
FOLDERS = ("incidents", "quiet")
TRACED = "traces"
"""Scenarios that replay recorded traces, which are not part of this project."""
QUICK = ("ramp-sequences", "surge-kv", "wedge", "empty-outputs-few", "bursts-1")


@dataclass(frozen=True, slots=True)
class Job:
    """One scenario to play."""

    path: Path
    out: Path
    rules: Path
    traces: Path | None = None


def paths(folders: Iterable[str] = FOLDERS, names: Iterable[str] = ()) -> list[Path]:
    """The scenario files below `folders`; only `names` if given."""
    found = [path for folder in folders for path in sorted((SCENARIOS / folder).glob("*.yaml"))]
    wanted = set(names)
    missing = wanted - {path.stem for path in found}
    if missing:
        raise ScenarioError(
            f"{SCENARIOS}: no scenario {min(missing)}, expected one of {', '.join(p.stem for p in found)}"
        )
    return [path for path in found if not wanted or path.stem in wanted]


def play_all(chosen: list[Job], processes: int, seconds: float = inf) -> list[Result]:
    """Results of the scenarios, kept ones included; a line for each as it ends.

    After `seconds` no further scenario begins, and UnfinishedError is raised for the rest.
    """
    started, results = time.monotonic(), {}
    # The long ones first: the last to end is then a short one.
    queue = sorted(chosen, key=lambda job: -_cost(job))
    with ProcessPoolExecutor(max_workers=processes) as pool:
        waiting: dict[Future[tuple[Result, float]], Job] = {}
        while queue or waiting:
            while queue and len(waiting) < processes and time.monotonic() < started + seconds:
                job = queue.pop(0)
                waiting[pool.submit(play_one, job)] = job
            if not waiting:
                raise UnfinishedError(f"{len(queue)} of {len(chosen)} scenarios still to be played; the rest is kept")
            for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                result, took = done.result()
                results[waiting.pop(done)] = result
                total = time.monotonic() - started
                _say(f"[{len(results)}/{len(chosen)}, {total:.0f} s] {result['scenario']}: {took:.0f} s")
    return [results[job] for job in chosen]


def play_one(job: Job) -> tuple[Result, float]:
    """A scenario's result, and how many seconds it took."""
    begun = time.perf_counter()
    result = run(load(job.path, job.traces), packs(job.rules), job.out, lambda _: None)
    return result, time.perf_counter() - begun


def _cost(job: Job) -> float:
    scenario = load(job.path, job.traces)
    return scenario.duration * len(scenario.members)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
