"""All runs together."""

from __future__ import annotations

from typing import Any

from lab import summary

SILENT_SCORE = {
    "lead": None, "any_lead": None, "burn_lead": None, "detection": None, "found": None, "reset": None,
    "first_page": "", "true_pages": 0, "false_pages": 0, "false_tickets": 0, "episodes": [],
}  # fmt: skip


def _run(name: str, *, incident: dict[str, bool] | None, rival: dict[str, Any] | None = None, **ours: object) -> Any:  # noqa: ANN401  a result's JSON
    at = None if incident is None else {"kind": "ramp", "at": 0.0, "step": False, "silent": False, **incident}
    return {
        "scenario": name, "split": "tuning", "incident": at, "replica_days": 0.5, "oracle": {"held": 100.0, "cut": 0.0},
        "scores": {"forewarn": {**SILENT_SCORE, **ours}, "rival": {**SILENT_SCORE, **(rival or {})}},
    }  # fmt: skip


RUNS = [
    _run("a", incident={}, lead=400.0, burn_lead=-100.0, found=True, true_pages=2, rival={"lead": 20.0, "found": True}),
    _run("b", incident={}, lead=85.0, found=True, true_pages=1),
    _run("c", incident={}, found=False, false_pages=1),
    _run("d", incident={"step": True}, lead=-20.0, detection=20.0, found=True, true_pages=1),
    _run("e", incident={"step": True}, lead=-50.0, detection=50.0, found=True, true_pages=1),
    _run("f", incident={"silent": True}, detection=700.0, found=True),
    _run("q", incident=None, false_pages=1, false_tickets=2),
]


def test_a_missed_incident_counts_as_the_latest_of_all() -> None:
    """The median lead cannot be bettered by missing what is hard."""
    found = summary.summarise(RUNS, "forewarn")
    assert (found.incidents, found.found, found.gradual, found.ahead, found.median_lead) == (6, 5, 3, 2, 85.0)
    assert summary.summarise(RUNS[2:], "forewarn").median_lead is None
    assert (found.steps, found.prompt, found.median_detection, found.median_over_burn) == (2, 1, 35.0, 500.0)
    assert (found.true_pages, found.false_pages, found.precision) == (5, 2, 5 / 7)
    assert (found.quiet_pages, found.pages_per_day, found.tickets_per_day) == (1, 2.0, 4.0)


def test_goals_say_what_was_measured_and_whether_it_is_enough() -> None:
    """Each against its bar; the best rival is one with no more false pages."""
    found = {goal.name: goal for goal in summary.goals(RUNS)}
    assert {name for name, goal in found.items() if goal.holds} == {
        "lead",
        "lead over the best rival with no more false pages",
    }
    assert found["lead"].measured == "median 85 s; 2 of 3 by either measure"
    assert found["capacity incidents page before pain"].measured == "2 of 3"
    assert found["false pages on quiet days"].measured == "2 (1 in 0.5 replica-days)"


def test_times_are_for_people() -> None:
    """Seconds below two minutes, a dash for none."""
    assert [summary.minutes(value) for value in (None, -45.4, 119.0, 300.0)] == ["–", "-45 s", "119 s", "5.0 min"]


def test_results_leave_the_curves_out() -> None:
    """And are summed up for the whole set and for each split that has runs."""
    found = summary.as_json([{**run, "curves": {}, "fingerprint": "x"} for run in RUNS])
    assert set(found["summary"]) == {"all", "tuning"}
    assert all("curves" not in run and "fingerprint" not in run for run in found["scenarios"])
