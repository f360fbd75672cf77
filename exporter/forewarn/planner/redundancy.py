"""N+k: how often more than k replicas are down at once, and what no k buys back.

A replica of g GPUs is up only while all of them are: p^g. The number of replicas down at once is binomial, if failures
are independent. Failures that are not (a bad deploy, a zone) are a floor beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn.errors import ConfigError

if TYPE_CHECKING:
    from forewarn.planner.inputs import Inputs

_MINUTES_PER_YEAR = 525_600
_HOURS_PER_DAY = 24
_NEGLIGIBLE = -745.0
"""exp() of less is 0."""
MOST_SPARES = 1000


@dataclass(frozen=True, slots=True)
class Redundancy:
    """How a fleet of `peak_need` + `spares` fails. Shares of time, 0 to 1."""

    gpu_availability: float
    replica_availability: float
    spares: int
    spares_for_target: int
    shortfall: float
    """Share of time with more than `spares` replicas down, if failures are independent."""
    correlated_floor: float
    """Share of time lost to correlated failures, whatever k is."""
    target: float

    @property
    def independent(self) -> float:
        """Availability of full capacity against independent failures."""
        return 1 - self.shortfall

    @property
    def availability(self) -> float:
        """Availability of full capacity against both."""
        return self.independent * (1 - self.correlated_floor)

    @property
    def target_within_floor(self) -> bool:
        """Whether any k could reach the target."""
        return self.target <= 1 - self.correlated_floor


def redundancy(inputs: Inputs, peak_need: int) -> Redundancy:
    """Redundancy of `peak_need` replicas: k as given, or the least that reaches the target."""
    gpu = inputs.gpu_availability
    if gpu is None:
        gpu = 1 / (1 + inputs.gpu_failures_per_day * inputs.repair_hours / _HOURS_PER_DAY)
    replica = gpu**inputs.gpus_per_replica
    wanted = _spares_for(peak_need, replica, inputs.target_availability)
    spares = wanted if inputs.spares is None else inputs.spares
    return Redundancy(
        gpu_availability=gpu,
        replica_availability=replica,
        spares=spares,
        spares_for_target=wanted,
        shortfall=more_than_down(peak_need + spares, spares, replica),
        correlated_floor=min(1.0, inputs.correlated_failures_per_year * inputs.correlated_minutes / _MINUTES_PER_YEAR),
        target=inputs.target_availability,
    )


def more_than_down(replicas: int, spares: int, up: float) -> float:
    """Probability that more than `spares` of `replicas` are down, each up with probability `up` > 0.

    The binomial's upper tail, summed from log terms so that neither a large fleet nor a rare failure underflows.
    """
    if up >= 1:
        return 0.0
    step = math.log((1 - up) / up)
    log_term = replicas * math.log(up)
    tail = 0.0
    for down in range(replicas + 1):
        if down > spares and log_term > _NEGLIGIBLE:
            tail += math.exp(log_term)
        if down < replicas:
            log_term += math.log((replicas - down) / (down + 1)) + step
    return min(tail, 1.0)


def _spares_for(peak_need: int, up: float, target: float) -> int:
    for spares in range(MOST_SPARES + 1):
        if more_than_down(peak_need + spares, spares, up) <= 1 - target:
            return spares
    raise ConfigError(
        "--target-availability",
        f"expected a target that {MOST_SPARES} spares reach; a replica is up {up:.2%} of the time",
    )
