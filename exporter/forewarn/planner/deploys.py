"""Blue/green, rolling and canary for replicas that take minutes to load: capacity, money, blast radius, way back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn.planner.bill import HOURS_PER_MONTH, usd_per_replica_hour

if TYPE_CHECKING:
    from forewarn.planner.fleet import Fleet
    from forewarn.planner.inputs import Inputs

CANARY_STEPS = (0.01, 0.10)
"""Shares of traffic before the rest follows."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to deploy. Times in seconds. `blast_share` is the share of users on a bad version when it is noticed."""

    name: str
    extra_replicas: int
    """Beyond the planned fleet, while the deploy runs."""
    least_capacity: float
    """Serving replicas at the worst moment, over the planned fleet."""
    duration_seconds: float
    usd_per_deploy: float
    """Replica hours beyond the planned fleet."""
    usd_per_month: float
    """Those of all deploys, and the headroom that stands all month where the strategy needs it."""
    blast_share: float
    rollback_seconds: float
    why: str


def strategies(inputs: Inputs, fleet: Fleet, cold: float) -> tuple[Strategy, ...]:
    """The three, for this fleet and a cold start of `cold` seconds."""
    return _blue_green(inputs, fleet, cold), _rolling(inputs, fleet, cold), _canary(inputs, fleet, cold)


def _headroom_usd(inputs: Inputs) -> float:
    return inputs.deploy_headroom * usd_per_replica_hour(inputs) * HOURS_PER_MONTH


def _blue_green(inputs: Inputs, fleet: Fleet, cold: float) -> Strategy:
    duration = cold + inputs.flip_seconds + inputs.soak_minutes * 60
    cost = fleet.replicas * usd_per_replica_hour(inputs) * duration / 3600
    return Strategy(
        name="blue/green",
        extra_replicas=fleet.replicas,
        least_capacity=1.0,
        duration_seconds=duration,
        usd_per_deploy=cost,
        usd_per_month=cost * inputs.deploys_per_month,
        blast_share=1.0,
        rollback_seconds=inputs.flip_seconds,
        why="a second fleet, warm before the flip, and the old one kept for the way back",
    )


def _rolling(inputs: Inputs, fleet: Fleet, cold: float) -> Strategy:
    """In place, `deploy_headroom` replicas at a time; with none to spare one at a time, from what the load needs."""
    batch = max(1, min(inputs.deploy_headroom, fleet.replicas))
    each = inputs.drain_seconds + cold
    batches = math.ceil(fleet.replicas / batch)
    # A batch takes traffic once it is warm; by the time the fault shows, later ones may serve as well.
    serving = min(batches, 1 + math.floor(inputs.detect_minutes * 60 / each))
    return Strategy(
        name="rolling",
        extra_replicas=0,
        least_capacity=1 - batch / fleet.replicas,
        duration_seconds=batches * each,
        usd_per_deploy=0.0,
        usd_per_month=_headroom_usd(inputs),
        blast_share=min(1.0, serving * batch / fleet.replicas),
        rollback_seconds=serving * each,
        why="no second fleet, but the standing headroom; the way back is another roll",
    )


def _canary(inputs: Inputs, fleet: Fleet, cold: float) -> Strategy:
    """1 → 10 → 100 % of traffic: extra replicas for the steps, then a roll of the rest."""
    soak = inputs.soak_minutes * 60
    steps = [math.ceil(share * fleet.replicas) for share in CANARY_STEPS]
    roll = _rolling(inputs, fleet, cold).duration_seconds
    price = usd_per_replica_hour(inputs) / 3600
    cost = sum(count * (cold + soak) for count in steps) * price + steps[-1] * roll * price
    noticed = min(inputs.detect_minutes * 60 // soak if soak else len(CANARY_STEPS), len(CANARY_STEPS))
    return Strategy(
        name="canary",
        extra_replicas=steps[-1],
        least_capacity=1 - max(1, min(inputs.deploy_headroom, fleet.replicas)) / fleet.replicas,
        duration_seconds=len(steps) * (cold + soak) + roll,
        usd_per_deploy=cost,
        usd_per_month=cost * inputs.deploys_per_month + _headroom_usd(inputs),
        blast_share=(*CANARY_STEPS, 1.0)[int(noticed)],
        rollback_seconds=inputs.flip_seconds,
        why="1 → 10 → 100 %, each step held until the gate passes; the way back is a change of weights",
    )
