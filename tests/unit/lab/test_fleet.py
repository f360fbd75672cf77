"""The fleet: routing, replicas that come, go and die, and what its clients see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.fleet import Fleet
from lab.pain import Outcomes
from tests.unit.lab.lab_runs import SMALL, scenario

if TYPE_CHECKING:
    from pathlib import Path

FLEET = SMALL.replace("rate: 2", "rate: 6") + "fleet: {replicas: 3}\n"


def _played(tmp_path: Path, text: str, seconds: float = 120.0) -> Fleet:
    plan = scenario(tmp_path, text)
    fleet = Fleet(plan, plan.arrivals(), Outcomes())
    fleet.advance(seconds)
    return fleet


def test_every_request_is_somewhere(tmp_path: Path) -> None:
    """Arrived is finished, in flight, lost or gone, and the clients saw each once."""
    fleet = _played(tmp_path, FLEET + "faults:\n  - {kind: crash, at: 30, restart_after: 20, replicas: [1]}\n")
    totals = [replica.totals for replica in fleet.replicas]
    arrived = sum(total.arrived for total in totals)
    finished = sum(sum(total.finished.values()) for total in totals)
    lost = sum(total.lost for total in totals)
    assert arrived == finished + lost + sum(replica.in_flight for replica in fleet.replicas)
    lives = fleet.outcomes.lives.values()
    assert len(lives) == arrived
    assert sum(life.failed for life in lives) == lost > 0


def test_the_replica_with_the_fewest_requests_in_flight_gets_the_next(tmp_path: Path) -> None:
    """So that equal replicas carry equal loads."""
    counts = [replica.totals.arrived for replica in _played(tmp_path, FLEET).replicas]
    assert max(counts) - min(counts) < 0.2 * max(counts)


def test_a_dead_replica_gets_nothing_and_a_lone_one_refuses(tmp_path: Path) -> None:
    """The router sees a refused connection; where nobody is left, the client does."""
    crash = "faults:\n  - {kind: crash, at: 0, restart_after: 500, replicas: [0]}\n"
    fleet = _played(tmp_path, FLEET + crash)
    assert fleet.replicas[0].totals.arrived == 0
    assert not any(life.failed for life in fleet.outcomes.lives.values())
    lone = _played(tmp_path, SMALL + crash)
    assert all(life.failed for life in lone.outcomes.lives.values())


def test_a_leaving_replica_ends_what_it_has_and_a_joining_one_begins_anew(tmp_path: Path) -> None:
    """Neither loses a request; a process that starts late says so on its page."""
    members = "fleet:\n  replicas: 1\n  members:\n    - {replica: 0, leaves: 60}\n    - {replica: 1, joins: 50}\n"
    fleet = _played(tmp_path, SMALL + members)
    old, new = fleet.replicas
    assert old.totals.lost == new.totals.lost == 0
    assert old.present(59.0)
    assert not old.present(120.0)
    assert not new.present(49.0)
    assert "process_start_time_seconds 65.0\n" in new.page()
    firsts = [life.first - life.arrival for life in fleet.outcomes.lives.values() if life.first < float("inf")]
    assert 0.0 < min(firsts) <= max(firsts) < 10.0


def test_a_copy_has_a_future_of_its_own(tmp_path: Path) -> None:
    """What happens to it leaves the original alone, and left alone it does the same."""
    fleet = _played(tmp_path, FLEET, 60.0)
    copy, other = fleet.copy(), fleet.copy()
    copy.redirect([])
    copy.advance(120.0)
    other.advance(120.0)
    fleet.advance(120.0)
    assert [r.page() for r in other.replicas] == [r.page() for r in fleet.replicas]
    assert sum(r.totals.arrived for r in copy.replicas) < sum(r.totals.arrived for r in fleet.replicas)


def test_shares_of_bad_answers_hold_for_their_time_and_replica(tmp_path: Path) -> None:
    """Empty outputs and errors come from the replicas that have the fault, while they have it."""
    empty = "faults:\n  - {kind: empty_outputs, at: 60, share: 1, replicas: [0]}\n"
    errors = "  - {kind: errors, at: 60, share: 1, replicas: [1]}\n"
    fleet = _played(tmp_path, FLEET + empty + errors)
    bad = [life.arrival for life in fleet.outcomes.lives.values() if life.failing]
    assert min(bad) >= 60.0
    assert fleet.replicas[0].totals.finished["error"] == fleet.replicas[2].totals.finished["error"] == 0
    assert fleet.replicas[1].totals.finished["error"] > 0
