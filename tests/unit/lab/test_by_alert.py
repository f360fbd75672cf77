"""Alert by alert."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab import report
from lab.__main__ import SHOWN
from lab.by_alert import Worth, worths
from lab.run import packs

LAB = Path(__file__).parents[3] / "lab"


def _episode(alert: str, start: float, *, true: bool = True, severity: str = "critical") -> dict[str, Any]:
    return {"alert": alert, "severity": severity, "start": start, "end": start + 60.0, "true": true}


def _run(*episodes: dict[str, Any], first: str, pain_at: float | None = 600.0, **incident: object) -> Any:  # noqa: ANN401  a result's JSON
    at = {"kind": "ramp", "at": 300.0, "step": False, "silent": False, "within": 1800.0, **incident}
    return {
        "scenario": "test", "incident": at, "pain": [{"start": pain_at, "end": 900.0}],
        "scores": {"forewarn": {"pain_at": pain_at, "first_page": first, "episodes": list(episodes)}},
    }  # fmt: skip


def test_an_alert_is_worth_its_lead_where_trouble_can_be_foreseen_and_its_delay_elsewhere() -> None:
    """The first episode of an incident counts; one from before it, or one about nothing, does not help."""
    runs = [
        _run(_episode("A", 500.0), _episode("A", 800.0), _episode("B", 650.0), first="A"),
        _run(_episode("A", 620.0), _episode("B", 610.0), _episode("B", 100.0, true=False), first="B"),
        _run(_episode("A", 315.0), first="A", step=True),
    ]
    assert worths(runs) == [
        Worth("A", "critical", leads=[100.0, -20.0], delays=[15.0], first=2),
        Worth("B", "critical", leads=[-50.0, -10.0], first=1, false=1),
    ]
    assert [(worth.ahead, worth.median_lead, worth.median_delay) for worth in worths(runs)] == [
        (1, 40.0, 15.0),
        (0, -30.0, None),
    ]


def test_a_ticket_is_no_first_page_and_an_alert_without_incident_is_false() -> None:
    """Severities of one alert are apart: only one of them wakes somebody."""
    quiet = {**_run(_episode("A", 50.0, true=False), first="", pain_at=None), "incident": None, "pain": []}
    ticket = _run(_episode("A", 400.0, severity="warning"), _episode("A", 500.0), first="A")
    assert worths([quiet, ticket]) == [
        Worth("A", "critical", leads=[100.0], first=1, false=1),
        Worth("A", "warning", leads=[200.0]),
    ]


@pytest.mark.parametrize(
    ("stem", "write"),
    [("results", partial(report.write, alerts=packs()[0].alerts())), ("results-traces", report.write_traces)],
)
def test_the_committed_page_is_what_its_numbers_give(tmp_path: Path, stem: str, write: Any) -> None:  # noqa: ANN401  either
    """Nobody edits a table by hand, and a new table needs no new play."""
    numbers = (LAB / f"{stem}.json").read_text(encoding="utf-8")
    page = (LAB / f"{stem}.md").read_text(encoding="utf-8")
    pictures = [line[2 : line.index("]")] for line in page.partition("## Pictures")[2].split("\n") if "](img/" in line]
    write(json.loads(numbers)["scenarios"], tmp_path, pictures)
    assert (tmp_path / f"{stem}.md").read_text(encoding="utf-8") == page
    assert (tmp_path / f"{stem}.json").read_text(encoding="utf-8") == numbers
    assert stem != "results" or tuple(pictures) == SHOWN
