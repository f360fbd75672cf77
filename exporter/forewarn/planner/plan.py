"""A whole plan from its inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from forewarn.planner import bill, deploys, levers
from forewarn.planner.demand import STEP, Day, day
from forewarn.planner.fleet import Fleet, fleet

if TYPE_CHECKING:
    from forewarn.planner.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that follows from `inputs`."""

    inputs: Inputs
    day: Day
    fleet: Fleet
    static: bill.Bill
    """The fleet that stands at its peak day and night."""
    autoscaling: bill.Autoscaling
    split_usd: tuple[float, float]
    """USD per million prompt and generated tokens of the static fleet."""
    strategies: tuple[deploys.Strategy, ...]
    levers: tuple[levers.Lever, ...]

    @property
    def saving_usd_per_month(self) -> float:
        """What following the load saves."""
        return self.static.usd_per_month - self.autoscaling.bill.usd_per_month

    def numbers(self) -> dict[str, Any]:
        """The plan as JSON."""
        spare = self.fleet.redundancy
        scaled = self.autoscaling
        return {
            "inputs": asdict(self.inputs),
            "demand": {"average": self.day.average, "peak": self.day.peak, "unit": "requests/s"},
            "capacity": {"requests_per_second": self.fleet.capacity, "from": self.fleet.capacity_from},
            "replicas": {
                "peak_need": self.fleet.peak_need,
                "spares": self.fleet.spares,
                "deploy_headroom": self.fleet.headroom,
                "total": self.fleet.replicas,
                "gpus": self.fleet.gpus,
            },
            "availability": {
                "gpu": spare.gpu_availability,
                "replica": spare.replica_availability,
                "full_capacity_independent": spare.independent,
                "shortfall_independent": spare.shortfall,
                "correlated_floor": spare.correlated_floor,
                "full_capacity": spare.availability,
                "target": spare.target,
                "target_within_floor": spare.target_within_floor,
                "spares_for_target": spare.spares_for_target,
                "gpu_failures_per_day": self.fleet.failures_per_day,
            },
            "cold_start": {
                "seconds": scaled.cold_start_seconds,
                "lead_seconds": scaled.lead_seconds,
                "trigger_share": scaled.trigger_share,
                "rise_replicas": scaled.rise_replicas,
            },
            "cost": {
                "static": _bill(self.static),
                "autoscaled": _bill(scaled.bill),
                "saving_usd_per_month": self.saving_usd_per_month,
                "usd_per_million_prompt_tokens": self.split_usd[0],
                "usd_per_million_generated_tokens": self.split_usd[1],
            },
            "day": {"step_seconds": STEP, "provisioned": list(scaled.provisioned)},
            "deploys": [asdict(strategy) for strategy in self.strategies],
            "levers": [asdict(lever) for lever in self.levers],
        }


def _bill(of: bill.Bill) -> dict[str, float]:
    return {**asdict(of), "idle_usd_per_month": of.idle_usd_per_month}


def plan(inputs: Inputs) -> Plan:
    """The plan. Raises ConfigError when the inputs cannot be planned for."""
    shape = day(inputs.average_load, inputs.swing)
    size = fleet(inputs, shape)
    static = bill.bill(inputs, size, size.replicas)
    scaled = bill.autoscaling(inputs, size, shape)
    return Plan(
        inputs=inputs,
        day=shape,
        fleet=size,
        static=static,
        autoscaling=scaled,
        split_usd=bill.split_usd(inputs, static.usd_per_million_tokens),
        strategies=deploys.strategies(inputs, size, scaled.cold_start_seconds),
        levers=levers.levers(inputs, size, shape, static, scaled),
    )
