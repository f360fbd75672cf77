"""How early anybody could know: the earliest moment at which pain can no longer be avoided.

Two oracles, both of which try it out on copies of the fleet. *Cut*: from a moment on no more requests come; is there
pain all the same? Then what already waited was enough. *Held*: from a moment on, traffic stays as it is then; is there
pain within the horizon? Then the load of that moment is past capacity, and only more capacity or less load helps. Both
are monotone for a growing load, so the moment is found by bisection on copies taken every 15 s before the pain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.arrivals import arrivals
from lab.fleet import Fleet
from lab.pain import WINDOW_SECONDS, Outcomes, spells

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.scenario import Scenario

STEP_SECONDS = 15.0
HORIZON_SECONDS = 900.0
DRAIN_SECONDS = 300.0
LOOK_BACK_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Oracle:
    """Leads over the pain in seconds, to the step; None when pain was avoidable until it was there."""

    cut: float | None
    held: float | None


def oracle(scenario: Scenario, pain_at: float) -> Oracle:
    """The leads that perfect knowledge would have had over pain that begins at `pain_at`."""
    start = max(scenario.incident.at if scenario.incident else 0.0, pain_at - LOOK_BACK_SECONDS)
    fleet = Fleet(scenario, scenario.arrivals(), Outcomes())
    fleet.advance(start)
    copies = []
    while fleet.now < pain_at:
        copies.append(fleet.copy())
        fleet.advance(min(fleet.now + STEP_SECONDS, pain_at))
    copies.append(fleet)
    cut = _first(copies, lambda copy: _hurts(scenario, copy, DRAIN_SECONDS))
    held = _first(copies, lambda copy: _hurts_when_held(scenario, copy))
    return Oracle(*(None if found is None else max(0.0, pain_at - found) for found in (cut, held)))


def _first(copies: list[Fleet], hurts: Callable[[Fleet], bool]) -> float | None:
    """When the first copy was taken that hurts, given that those after it do too."""
    low, high = 0, len(copies)
    while low < high:
        middle = (low + high) // 2
        if hurts(copies[middle].copy()):
            high = middle
        else:
            low = middle + 1
    return copies[low].now if low < len(copies) else None


def _hurts(scenario: Scenario, fleet: Fleet, seconds: float) -> bool:
    fleet.redirect([])
    return _pain_within(scenario, fleet, seconds)


def _hurts_when_held(scenario: Scenario, fleet: Fleet) -> bool:
    held = scenario.held_at(fleet.now, HORIZON_SECONDS)
    fleet.redirect(arrivals(held, scenario.seed, start=fleet.now))
    return _pain_within(scenario, fleet, HORIZON_SECONDS)


def _pain_within(scenario: Scenario, fleet: Fleet, seconds: float) -> bool:
    begin = fleet.now
    while fleet.now < begin + seconds:
        fleet.advance(min(fleet.now + WINDOW_SECONDS, begin + seconds))
        found = spells(fleet.outcomes.verdicts(scenario.slo, fleet.now))
        if any(spell.end > begin for spell in found):
            return True
        if not fleet.busy:
            break
    return False
