"""The fast page writer says what the simulator says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.fleet import Fleet
from lab.pages import QuickPages
from lab.pain import Outcomes
from tests.unit.lab.lab_runs import SMALL, scenario

if TYPE_CHECKING:
    from pathlib import Path

GAUGES = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")
UNREAD = ("http_", "python_", "process_", "# ")
FAULTS = """\
faults:
  - {kind: crash, at: 40, restart_after: 5}
  - {kind: rename_metric, at: 70, duration: 20, from: "vllm:kv_cache_usage_perc", to: "vllm:kv_usage"}
"""


def _engine_lines(page: str) -> list[str]:
    return [line for line in page.splitlines() if not line.startswith(UNREAD)]


def test_pages_are_those_of_the_simulator_through_load_restart_and_rename(tmp_path: Path) -> None:
    """Every line that the sidecar reads is the same, whatever happened before."""
    plan = scenario(tmp_path, SMALL + FAULTS)
    fleet = Fleet(plan, plan.arrivals(), Outcomes())
    replica = fleet.replicas[0]
    quick = QuickPages(replica)
    compared = 0
    for step in range(1, 110):
        fleet.advance(step * 1.1)
        if not replica.down:
            assert _engine_lines(quick.whole()) == _engine_lines(replica.page())
            assert quick.gauges(GAUGES) == replica.page(GAUGES)
            compared += 1
    assert compared > 100
    assert replica.totals.lost > 0


def test_a_filter_of_other_names_is_left_to_the_simulator(tmp_path: Path) -> None:
    """What is no gauge of the scheduler is answered all the same."""
    plan = scenario(tmp_path)
    replica = Fleet(plan, plan.arrivals(), Outcomes()).replicas[0]
    names = ("vllm:num_preemptions_total",)
    assert QuickPages(replica).gauges(names) == replica.page(names)
