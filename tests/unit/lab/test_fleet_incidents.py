"""Incidents of the fleet, played as the lab has them: the alerts that must tell them do, and not before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab import judge, play, reading, run, suite

if TYPE_CHECKING:
    from pathlib import Path

TOLD = {
    "replica-loss-4": {
        "LLMRedundancyBelowNPlusK",
        "LLMCapacityBelowPeakNeed",
        "LLMSaturationForecast",
        "LLMFleetDegraded",
    },
    "rolling-deploy": {"LLMRedundancyBelowNPlusK", "LLMCapacityBelowPeakNeed", "LLMDeployHeadroomExhausted"},
    "correlated-failure": {"LLMCorrelatedFailure", "LLMCapacityBelowPeakNeed", "LLMSaturationForecast"},
}
BEFORE = {"LLMRedundancyBelowNPlusK"}
"""What stands already: at such a load there is no spare to lose."""
WITHIN = 600.0
"""Seconds after the incident in which they fire; the rest is not played."""


@pytest.mark.parametrize("name", TOLD)
def test_the_fleet_alerts_tell(name: str, tmp_path: Path) -> None:
    """Those that are promised fire, and what pages does so only once it happened."""
    (path,) = suite.paths(names=[name])
    whole = reading.load(path)
    assert whole.incident is not None
    scenario = replace(whole, traffic=whole.held_at(0, whole.incident.at + WITHIN))
    fired = judge.firings(play.play(scenario, frozenset()).tape, [run.packs()[0]], tmp_path)
    begins = {firing.alert: firing.start for firing in reversed(fired)}
    assert TOLD[name] <= begins.keys()
    early = {alert for alert, start in begins.items() if alert in TOLD[name] and start < whole.incident.at}
    assert early <= BEFORE
