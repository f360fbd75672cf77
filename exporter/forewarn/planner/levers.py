"""What each lever takes off the bill, pulled alone on the fleet that stands at its peak day and night."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn.planner.bill import HOURS_PER_MONTH, usd_per_replica_hour
from forewarn.planner.fleet import replicas_for

if TYPE_CHECKING:
    from forewarn.planner.bill import Autoscaling, Bill
    from forewarn.planner.demand import Day
    from forewarn.planner.fleet import Fleet
    from forewarn.planner.inputs import Inputs

SPOT_DISCOUNTS = (0.3, 0.7)
"""Usual range off the on-demand price."""


@dataclass(frozen=True, slots=True)
class Lever:
    """One lever: what it saves in a month, from `low_usd` to `high_usd`, how, and what it asks for."""

    name: str
    low_usd: float
    high_usd: float
    how: str
    when: str


def levers(inputs: Inputs, fleet: Fleet, day: Day, static: Bill, scaled: Autoscaling) -> tuple[Lever, ...]:
    """All five. They overlap, so their savings do not add up."""
    monthly = usd_per_replica_hour(inputs) * HOURS_PER_MONTH
    return (
        _one("right-size", static.usd_per_month - scaled.bill.usd_per_month,
             f"{scaled.bill.replicas_mean:.1f} replicas on average instead of {fleet.replicas}",
             f"always; replicas must start {scaled.lead_seconds / 60:.0f} min ahead"),
        _tier(inputs, fleet, day, monthly),
        _spot(inputs, fleet, monthly),
        _quantise(inputs, fleet, day, monthly),
        _one("reserve", scaled.least * monthly * inputs.reserved_discount,
             f"{scaled.least} replicas never go away: reserve them at {inputs.reserved_discount:.0%} off",
             "the load has a stable floor"),
    )  # fmt: skip


def _one(name: str, usd: float, how: str, when: str) -> Lever:
    return Lever(name, max(0.0, usd), max(0.0, usd), how, when)


def _tier(inputs: Inputs, fleet: Fleet, day: Day, monthly: float) -> Lever:
    """Realtime keeps the peak, what may wait fills the valley: the need is the higher of the two."""
    realtime = day.peak * (1 - inputs.batch_share)
    need = replicas_for(max(realtime, day.average), fleet.capacity)
    return _one(
        "tier",
        (fleet.peak_need - need) * monthly,
        f"{inputs.batch_share:.0%} of the load waits for the night: {need} instead of {fleet.peak_need} for the peak",
        "part of the load is not latency-sensitive",
    )


def _spot(inputs: Inputs, fleet: Fleet, monthly: float) -> Lever:
    work = inputs.batch_share * inputs.average_load / fleet.capacity
    low, high = (work * monthly * discount for discount in SPOT_DISCOUNTS)
    return Lever(
        "spot",
        low,
        high,
        f"{inputs.batch_share:.0%} of the work on spot at {SPOT_DISCOUNTS[0]:.0%} to {SPOT_DISCOUNTS[1]:.0%} off",
        "batch alone; a replica can be taken any minute, so never as the spares",
    )


def _quantise(inputs: Inputs, fleet: Fleet, day: Day, monthly: float) -> Lever:
    share, faster = inputs.quantise_share, inputs.quantise_speedup
    work = 1 - share + share / faster
    need = replicas_for(day.peak * work, fleet.capacity)
    return _one(
        "quantise",
        (fleet.peak_need - need) * monthly,
        f"{share:.0%} of the load on {faster:g} × faster replicas: {need} instead of {fleet.peak_need}",
        "that tier's quality stays above its gate",
    )
