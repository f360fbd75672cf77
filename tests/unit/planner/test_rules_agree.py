"""The rules pack computes what the planner computes: one even load, one fleet, the same numbers."""

from __future__ import annotations

import subprocess
from itertools import product
from typing import TYPE_CHECKING, Any

import yaml

from forewarn import rulepack
from forewarn.planner.bill import HOLD, bill, split_usd
from forewarn.planner.demand import day
from forewarn.planner.fleet import fleet
from forewarn.planner.inputs import Inputs

if TYPE_CHECKING:
    from pathlib import Path

GRID = tuple(product((3.0, 10.0, 24.5), (2.5, 4.0), (0, 2), (0, 1, 3)))
"""Requests/s, capacity of a replica, k and deploy headroom; each a deployment of its own."""
REPLICAS = 3
USD_PER_GPU_HOUR, GPUS = 2.5, 2


def inputs(load: float, capacity: float, spares: int, headroom: int) -> Inputs:
    """The planner's side of one deployment."""
    return Inputs(
        average_load=load,
        swing=1,
        replica_requests_per_second=capacity,
        prompt_tokens=600,
        output_tokens=200,
        spares=spares,
        deploy_headroom=headroom,
        gpus_per_replica=GPUS,
        usd_per_gpu_hour=USD_PER_GPU_HOUR,
    )


def series(deployment: str, plan: Inputs) -> list[dict[str, str]]:
    """Eight hours of replicas that share the load evenly, scraped each minute; no headroom is no series."""
    requests = plan.average_load * 60 / REPLICAS
    counters = {
        "llm_requests_arrived_total": requests,
        "llm_prompt_tokens_total": requests * plan.prompt_tokens,
        "llm_generation_tokens_total": requests * plan.output_tokens,
    }
    gauges = {
        "llm_replica_ready": 1.0,
        "llm_objective_replica_requests_per_second": plan.replica_requests_per_second,
        "llm_objective_spare_replicas": plan.spares,
        "llm_objective_deploy_headroom_replicas": plan.deploy_headroom or None,
        "llm_replica_cost_usd_per_hour": GPUS * USD_PER_GPU_HOUR,
    }
    found = []
    for replica in range(REPLICAS):
        labels = f'{{deployment="{deployment}",engine="0",instance="{replica}",model="m",track="stable"}}'
        found += [{"series": name + labels, "values": f"0+{step!r}x480"} for name, step in counters.items()]
        known = {name: value for name, value in gauges.items() if value is not None}
        found += [{"series": name + labels, "values": f"{value!r}+0x480"} for name, value in known.items()]
    return found


def expected(plan: Inputs) -> dict[str, float]:
    """What the planner says of what the pack records."""
    size = fleet(plan, day(plan.average_load, 1))
    paid = bill(plan, size, REPLICAS)
    of_prompt, of_generated = split_usd(plan, paid.usd_per_million_tokens)
    return {
        "llm:peak_need:replicas": size.peak_need,
        "llm:redundancy_spare": REPLICAS - size.peak_need,
        "llm:desired_replicas": size.replicas,
        "llm:idle_spend:ratio_6h": paid.idle_share,
        "llm:cost_usd_per_million_tokens:1h": paid.usd_per_million_tokens,
        "llm:cost_usd_per_million_prompt_tokens:1h": of_prompt,
        "llm:cost_usd_per_million_generated_tokens:1h": of_generated,
    }


def test_the_pack_and_the_planner_agree(tmp_path: Path) -> None:
    """Peak need, spares, headroom, desired replicas, idle share and USD per million tokens, on a grid."""
    plans = {f"chat-{number}": inputs(*point) for number, point in enumerate(GRID)}
    rulepack.write(tmp_path, rulepack.sources())
    checks: list[dict[str, Any]] = [
        {
            "expr": f'abs({name}{{deployment="{deployment}"}} - {value!r}) < bool {1e-6 * max(1.0, abs(value))!r}',
            "eval_time": "8h",
            "exp_samples": [{"labels": f'{{deployment="{deployment}", model="m"}}', "value": 1}],
        }
        for deployment, plan in plans.items()
        for name, value in expected(plan).items()
    ]
    fed = [row for deployment, plan in plans.items() for row in series(deployment, plan)]
    test = {
        "rule_files": [str(tmp_path / "fleet.rules.yml"), str(tmp_path / "cost.rules.yml")],
        "evaluation_interval": "5m",
        "tests": [{"interval": "1m", "input_series": fed, "promql_expr_test": checks}],
    }
    (tmp_path / "agree.yml").write_text(yaml.safe_dump(test), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "agree.yml")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def record(name: str) -> str:
    """The expression of a record."""
    (found,) = (
        str(rule["expr"]) for group in rulepack.groups() for rule in group["rules"] if rule.get("record") == name
    )
    return found


def test_the_pack_looks_as_far_ahead_as_the_planner_acts() -> None:
    """One cold start, and what passes before a replica is asked for."""
    delay = inputs(*GRID[0]).scale_delay_seconds
    assert f"(llm:cold_start:seconds + {delay:g})" in record("llm:demand_forecast:rate")


def test_an_autoscaled_fleet_holds_as_long_as_the_pack_does() -> None:
    """The half hour behind and ahead of `llm:demand_peak:rate`."""
    assert f"[{HOLD // 60}m]" in record("llm:demand_peak:rate")
    assert "offset 23h30m" in record("llm:demand_peak:rate")
