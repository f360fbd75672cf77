"""The demo's scenario: leading signals move before users feel anything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.vllm_sim.scenario import load_scenario
from lab.vllm_sim.table import Row, firsts, lines, play

if TYPE_CHECKING:
    from pathlib import Path


def row(time: float, **values: float) -> Row:
    """Return a quiet row with some values changed."""
    quiet = Row(time, 1.0, running=1, waiting=0, kv_usage=0.1, preemptions=0, finished=0, ttft_p50=None, ttft_p99=None)
    return replace(quiet, **values)  # type: ignore[arg-type]


def test_overload_shows_in_queue_and_kv_well_before_latency(scenarios: Path) -> None:
    """KV use, preemptions and queue pressure pass their marks at least 15 s before TTFT p99 passes the objective."""
    scenario = load_scenario(scenarios / "overload.yaml")
    rows = list(play(scenario))
    pressure, kv, preemption, ttft = firsts(rows, scenario.ttft_slo).values()
    assert pressure is not None
    assert kv is not None
    assert preemption is not None
    assert ttft is not None
    assert 30 < kv < preemption < pressure < ttft - 15
    one_second = firsts(rows, 1.0)["TTFT p99 (60 s) > 1 s"]
    assert one_second is not None
    assert pressure < one_second - 15


def test_overload_begins_calm_and_recovers(scenarios: Path) -> None:
    """The first half minute and the last are quiet, so that the demo can loop."""
    scenario = load_scenario(scenarios / "overload.yaml")
    rows = list(play(scenario))
    calm = [row for row in rows if row.time < 30 or row.time > scenario.traffic.duration - 30]
    assert max(row.kv_usage for row in calm) < 0.7
    assert max(row.waiting for row in calm) <= 2
    assert 180 <= scenario.traffic.duration <= 240


@pytest.mark.parametrize("name", ["steady", "empty_outputs", "crash", "rename"])
def test_other_scenarios_stay_within_latency(scenarios: Path, name: str) -> None:
    """What these scenarios break is not latency: TTFT p99 and queue pressure never pass their marks."""
    scenario = load_scenario(scenarios / f"{name}.yaml")
    marks = firsts(list(play(scenario)), scenario.ttft_slo)
    assert marks["queue pressure > 1"] is None
    assert marks["TTFT p99 (60 s) > 1 s"] is None


def test_firsts_report_the_first_row_beyond_each_mark() -> None:
    """A mark is passed when the value is greater, at the first such row; never is None."""
    rows = [row(0.0), row(1.0, kv_usage=0.86, waiting=1), row(2.0, waiting=2, ttft_p99=1.5), row(3.0, waiting=9)]
    assert list(firsts(rows, 2.0).values()) == [2.0, 1.0, None, None]


def test_table_prints_a_row_per_interval_and_the_marks(scenarios: Path) -> None:
    """The table has a head, one row per interval, and one line per mark."""
    scenario = load_scenario(scenarios / "crash.yaml")
    text = list(lines(scenario, seed=None, every=60.0))
    assert len(text) == 1 + 4 + 4
    assert text[1].split()[:3] == ["0.0", "15.0", "0"]
    assert text[-1] == "TTFT p99 (60 s) > 1 s: never"
