"""Scenario files: what they may say, and how a mistake is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import reading
from lab.vllm_sim.reader import ScenarioError
from tests.unit.lab.lab_runs import SMALL, scenario

if TYPE_CHECKING:
    from pathlib import Path

TRACED = SMALL.replace("{workload: chat, duration: 120, rate: 2}", "{trace: a.csv, duration: 60, speed: 2}")


def test_shipped_scenarios_are_fit_to_play(scenarios: Path) -> None:
    """All load, days too; every kind and shape has an incident, and both splits have incidents and quiet days."""
    incidents = [reading.load(path) for path in sorted((scenarios / "incidents").glob("*.yaml"))]
    quiet = [reading.load(path) for path in sorted((scenarios / "quiet").glob("*.yaml"))]
    assert len(incidents) >= 24
    assert len(quiet) >= 10
    assert {plan.incident.kind for plan in incidents if plan.incident} == set(reading.KINDS)
    assert {plan.shape for plan in incidents} == set(reading.SHAPES)
    assert {len(plan.members) for plan in incidents} >= {1, 4, 16}
    assert {plan.split for plan in incidents} == {plan.split for plan in quiet} == set(reading.SPLITS)
    assert all(plan.incident is None for plan in quiet)
    names = [plan.name for plan in [*incidents, *quiet]]
    assert len(names) == len(set(names))
    days = [reading.load(path) for path in sorted((scenarios / "days").glob("*.yaml"))]
    assert days
    assert all(plan.duration > 86400 for plan in days)


def test_a_stretch_goes_on_from_the_one_before(tmp_path: Path) -> None:
    """Rate, workload and manner are kept until something else is said."""
    more = "  - {duration: 60, rate: {to: 8}}\n  - {duration: 60, prompt_scale: 2}\n"
    first, ramp, last = scenario(tmp_path, SMALL + more).traffic
    assert (ramp.rate_from, ramp.rate_to) == (2.0, 8.0)
    assert (last.rate_from, last.rate_to, last.manner.prompt_scale) == (8.0, 8.0, 2.0)
    assert first.manner.cached_share == last.manner.cached_share == 0.5


def test_budgets_and_capacity_are_settings_of_the_sidecars(tmp_path: Path) -> None:
    """What users bear is what the sidecars are configured with."""
    text = "slo: {ttft_seconds: 3}\nfleet: {replicas: 2, capacity: 9, settings: {replica.gpus: 2}}\n"
    assert scenario(tmp_path, SMALL + text).settings == {
        "objectives.ttft_seconds": 3.0,
        "objectives.tpot_seconds": 0.1,
        "objectives.replica_requests_per_second": 9.0,
        "replica.gpus": 2,
    }


def test_a_trace_is_read_where_it_lies(tmp_path: Path) -> None:
    """With `--traces`; without, the line says what to do."""
    (tmp_path / "a.csv").write_text("t_s,prompt_tokens,output_tokens\n0,9,3\n40,8,2\n", encoding="utf-8")
    assert [a.time for a in scenario(tmp_path, TRACED, tmp_path).arrivals()] == [0.0, 20.0]
    with pytest.raises(ScenarioError, match=r"traffic\[0\].trace: needs the trace a.csv: say where .* --traces DIR"):
        scenario(tmp_path, TRACED)
    with pytest.raises(ScenarioError, match=r"expected the name of a file in .*, got '../b.csv'"):
        scenario(tmp_path, TRACED.replace("a.csv", "../b.csv"), tmp_path)


def test_rates_become_ramps(tmp_path: Path) -> None:
    """A recorded course is scaled to its peak and played faster."""
    (tmp_path / "r.csv").write_text("t_s,x\n0,10\n600,20\n1200,15\n", encoding="utf-8")
    stretch = "{rates: r.csv, column: x, duration: 20, speed: 60, peak: 8, workload: chat}"
    text = SMALL.replace("{workload: chat, duration: 120, rate: 2}", stretch)
    found = scenario(tmp_path, text, tmp_path).traffic
    assert [(s.duration, s.rate_from, s.rate_to) for s in found] == [(10.0, 4.0, 8.0), (10.0, 8.0, 6.0)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("rate: 2", "rat: 2"), "traffic[0]"),
        (("split: tuning", "split: tunning"), "split: expected one of tuning, validation, got 'tunning', did you mean"),
        (("shape:", "shpae: x\nshape:"), "shpae: unknown key, did you mean shape?"),
        (("workload: chat", "workload: chatt"), "traffic[0].workload: expected one of"),
        (("max_model_len: 4096", "max_model_len: 40960"), "engine.max_model_len: expected at most"),
        (("rate: 2", "rate: 2000"), "traffic[0].rate: expected a number from 0 to 600, got 2000"),
        (("seed: 3", "fleet: {replicas: 99}"), "fleet.replicas: expected a whole number from 1 to 64, got 99"),
        (("seed: 3", "fleet: {settings: {objectives.ttft: 1}}"), "fleet.settings.objectives.ttft: unknown key"),
        (("seed: 3", "fleet: {settings: {objectives.slo_ratio: 2}}"), "fleet.settings: "),
        (("seed: 3", "fleet: {members: [{replica: 3}]}"), "fleet.members[0].replica: expected a number up to 1"),
        (("seed: 3", "incident: {kind: ramp, at: 500}"), "incident.at: expected less than the traffic's 120 s"),
        (("seed: 3", "incident: {kind: ramp, at: 5, step: 1}"), "incident.step: expected true or false, got 1"),
        (
            ("seed: 3", "faults: [{kind: wedge, at: 5, replicas: [1]}]"),
            "faults[0].replicas: expected a list of numbers",
        ),
        (("seed: 3", "faults: [{kind: wedgy, at: 5}]"), "faults[0].kind: expected one of"),
        (("seed: 3", "faults: [{kind: errors, at: 5, shares: 1}]"), "faults[0].share: expected a number"),
        (("seed: 3", "faults: [{kind: drift, at: 5, share: 2}]"), "faults[0].share: expected a number"),
        (("seed: 3", "fleet: {golden: {every: 300}}"), "fleet.golden.every: unknown key"),
        (("seed: 3", "fleet: {golden: {gate: 2}}"), "fleet.golden.gate: expected a number"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    """The file, the key, what was expected."""
    with pytest.raises(ScenarioError) as caught:
        scenario(tmp_path, SMALL.replace(*change))
    assert expected in str(caught.value)
    assert "test.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)
