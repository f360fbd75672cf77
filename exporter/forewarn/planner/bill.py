"""What a fleet costs in a month, which share of it buys nothing, and what following the load saves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn.planner.demand import STEP, STEPS
from forewarn.planner.fleet import replicas_for

if TYPE_CHECKING:
    from forewarn.planner.demand import Day
    from forewarn.planner.fleet import Fleet
    from forewarn.planner.inputs import Inputs

HOURS_PER_MONTH = 730
HOLD = 1800
"""Seconds that an autoscaled fleet stays ahead of and behind the load: the half hours of `llm:demand_peak:rate`."""


@dataclass(frozen=True, slots=True)
class Bill:
    """One way to run the fleet. `idle_share` is the rules' `llm:idle_spend` over a day."""

    replicas_mean: float
    usd_per_month: float
    idle_share: float
    usd_per_million_tokens: float

    @property
    def idle_usd_per_month(self) -> float:
        """The part of the bill that served nothing."""
        return self.usd_per_month * self.idle_share


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """A fleet that follows the load, and how early it must act for the cold start."""

    bill: Bill
    provisioned: tuple[int, ...]
    """Replicas at each step of the day."""
    cold_start_seconds: float
    lead_seconds: float
    """From the decision to a warm replica."""
    trigger_share: float
    """Load over capacity at which the decision is due when demand rises fastest."""
    rise_replicas: float
    """Replicas by which demand grows within one lead when it rises fastest: what a purely reactive scaler lacks."""

    @property
    def least(self) -> int:
        """Replicas at the quietest time: the floor that a reservation covers."""
        return min(self.provisioned)


def usd_per_replica_hour(inputs: Inputs) -> float:
    """Price of a replica, its reserved and spot hours at their discounts."""
    off = inputs.reserved_share * inputs.reserved_discount + inputs.spot_share * inputs.spot_discount
    return inputs.gpus_per_replica * inputs.usd_per_gpu_hour * (1 - off)


def bill(inputs: Inputs, fleet: Fleet, replicas_mean: float) -> Bill:
    """The bill of a fleet of `replicas_mean` replicas, averaged over a day."""
    hourly = replicas_mean * usd_per_replica_hour(inputs)
    tokens = inputs.average_load * (inputs.prompt_tokens + inputs.output_tokens)
    return Bill(
        replicas_mean=replicas_mean,
        usd_per_month=hourly * HOURS_PER_MONTH,
        idle_share=1 - min(1.0, inputs.average_load / (fleet.capacity * replicas_mean)),
        usd_per_million_tokens=hourly / (tokens * 3600) * 1e6,
    )


def split_usd(inputs: Inputs, blended: float) -> tuple[float, float]:
    """USD per million prompt and per million generated tokens, `output_weight` apart, that add up to the same bill."""
    prompt, output = inputs.prompt_tokens, inputs.output_tokens
    of_prompt = blended * (prompt + output) / (prompt + inputs.output_weight * output)
    return of_prompt, inputs.output_weight * of_prompt


def cold_start_seconds(inputs: Inputs) -> float:
    """From the start of a replica until it is warm."""
    if inputs.cold_start_seconds is not None:
        return inputs.cold_start_seconds
    return inputs.weights_gb / inputs.load_gb_per_second + inputs.warmup_seconds


def autoscaling(inputs: Inputs, fleet: Fleet, day: Day) -> Autoscaling:
    """The fleet that follows the load, with the same spares and headroom.

    At each time it carries the highest demand from half an hour ago until one lead, at least half an hour, from now.
    """
    cold = cold_start_seconds(inputs)
    lead = cold + inputs.scale_delay_seconds
    ahead = max(HOLD, lead)
    beside = fleet.spares + fleet.headroom
    provisioned = tuple(
        replicas_for(day.highest(index * STEP - HOLD, index * STEP + ahead), fleet.capacity) + beside
        for index in range(STEPS)
    )
    now, then = max(
        ((day.at(index * STEP), day.at(index * STEP + lead)) for index in range(STEPS)),
        key=lambda pair: pair[1] - pair[0],
    )
    return Autoscaling(
        bill=bill(inputs, fleet, sum(provisioned) / STEPS),
        provisioned=provisioned,
        cold_start_seconds=cold,
        lead_seconds=lead,
        trigger_share=min(1.0, now / then),
        rise_replicas=max(0.0, then - now) / fleet.capacity,
    )
