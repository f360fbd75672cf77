"""Compares a run with the committed results: a score that drops is found before it lands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.run import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lab.kept import Result

SLACK_SECONDS = 30.0
"""Two evaluations: a lead may be that much shorter without being called a drop."""


def committed(path: Path) -> dict[str, Result]:
    """The committed runs by scenario."""
    return {run["scenario"]: run for run in json.loads(path.read_text(encoding="utf-8"))["scenarios"]}


def drops(results: Iterable[Result], known: dict[str, Result]) -> Iterator[str]:
    """A line for each score that is worse than the committed one."""
    for result in results:
        name = result["scenario"]
        if name not in known:
            yield f"{name}: not in the committed results: run make lab"
            continue
        now, then = result["scores"][OURS], known[name]["scores"][OURS]
        if then["found"] and not now["found"]:
            yield f"{name}: not found any more"
        yield from (f"{name}: {text}" for text in _worse(now, then))


def _worse(now: Result, then: Result) -> Iterator[str]:
    for key, sign in (("lead", 1), ("detection", -1), ("reset", -1)):
        if then[key] is not None and now[key] is None:
            yield f"{key} was {then[key]:.0f} s, is none"
        elif then[key] is not None and sign * (now[key] - then[key]) < -SLACK_SECONDS:
            yield f"{key} was {then[key]:.0f} s, is {now[key]:.0f} s"
    for key in ("false_pages", "false_tickets"):
        if now[key] > then[key]:
            yield f"{key.replace('_', ' ')} were {then[key]}, are {now[key]}"
