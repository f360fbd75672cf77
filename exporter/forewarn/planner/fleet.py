"""replicas = peak need + k spares + deploy headroom: each term against its own threat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn.errors import ConfigError
from forewarn.planner.inputs import MAX_REPLICAS
from forewarn.planner.redundancy import Redundancy, redundancy

if TYPE_CHECKING:
    from forewarn.planner.demand import Day
    from forewarn.planner.inputs import Inputs

_ROUNDING = 1e-9
"""Half a part in a billion is floating point, not demand for another replica."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many replicas, and which part of them is for what."""

    capacity: float
    """Requests/s of one replica within its objectives."""
    capacity_from: str
    peak_need: int
    headroom: int
    redundancy: Redundancy
    gpus_per_replica: int
    failures_per_day: float
    """GPU failures expected in a day, all replicas together."""

    @property
    def spares(self) -> int:
        """The k of N+k."""
        return self.redundancy.spares

    @property
    def replicas(self) -> int:
        """All of them."""
        return self.peak_need + self.spares + self.headroom

    @property
    def gpus(self) -> int:
        """GPUs of all replicas."""
        return self.replicas * self.gpus_per_replica


def capacity(inputs: Inputs) -> tuple[float, str]:
    """Requests/s of one replica within its objectives, and where the number comes from."""
    if inputs.replica_requests_per_second is not None:
        return inputs.replica_requests_per_second, "requests/s within objectives, as given"
    if inputs.replica_tokens_per_second is not None:
        tokens = inputs.prompt_tokens + inputs.output_tokens
        return (
            inputs.replica_tokens_per_second / tokens,
            f"{inputs.replica_tokens_per_second:g} tokens/s / {tokens:g} tokens a request",
        )
    concurrency, seconds = inputs.replica_concurrency or 0.0, inputs.request_seconds or 1.0
    return concurrency / seconds, f"Little's law: {concurrency:g} in flight / {seconds:g} s each"


def replicas_for(load: float, of_one: float) -> int:
    """Replicas that carry `load`, at least one: the rules' `llm:peak_need:replicas`."""
    return max(1, math.ceil(load / of_one - _ROUNDING))


def fleet(inputs: Inputs, day: Day) -> Fleet:
    """The fleet that carries the day's peak. Raises ConfigError when it would be absurdly large."""
    of_one, source = capacity(inputs)
    if day.peak / of_one > MAX_REPLICAS:
        raise ConfigError(
            "capacity of a replica",
            f"expected a load of at most {MAX_REPLICAS} replicas, got {day.peak:g} requests/s at {of_one:g} each",
        )
    need = replicas_for(day.peak, of_one)
    spare = redundancy(inputs, need)
    total = need + spare.spares + inputs.deploy_headroom
    return Fleet(
        capacity=of_one,
        capacity_from=source,
        peak_need=need,
        headroom=inputs.deploy_headroom,
        redundancy=spare,
        gpus_per_replica=inputs.gpus_per_replica,
        failures_per_day=total * inputs.gpus_per_replica * inputs.gpu_failures_per_day,
    )
