"""The rules pack computes what the planner computes: one even load, one fleet, the same numbers."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from forewarn import rulepack
from forewarn.planner.bill import HOLD, bill
from forewarn.planner.demand import day
from forewarn.planner.fleet import fleet
from forewarn.planner.inputs import Inputs

if TYPE_CHECKING:
    from pathlib import Path

LABELS = 'deployment="chat",model="m",track="stable",engine="0"'
REPLICAS = 5
INPUTS = Inputs(
    average_load=10,
    swing=1,
    replica_requests_per_second=4,
    prompt_tokens=600,
    output_tokens=200,
    spares=1,
    gpus_per_replica=2,
    usd_per_gpu_hour=2.5,
)


def series() -> list[dict[str, str]]:
    """Eight hours of five replicas that share the load evenly, scraped each minute."""
    requests = INPUTS.average_load * 60 / REPLICAS
    counters = {
        "llm_requests_arrived_total": requests,
        "llm_prompt_tokens_total": requests * INPUTS.prompt_tokens,
        "llm_generation_tokens_total": requests * INPUTS.output_tokens,
    }
    gauges = {
        "llm_replica_ready": 1.0,
        "llm_objective_replica_requests_per_second": 4.0,
        "llm_objective_spare_replicas": 1.0,
        "llm_replica_cost_usd_per_hour": 5.0,
    }
    found = []
    for replica in range(REPLICAS):
        labels = f'{{instance="{replica}",{LABELS}}}'
        found += [{"series": name + labels, "values": f"0+{step:g}x480"} for name, step in counters.items()]
        found += [{"series": name + labels, "values": f"{value:g}+0x480"} for name, value in gauges.items()]
    return found


def test_the_pack_and_the_planner_agree(tmp_path: Path) -> None:
    """Peak need, spares, desired replicas, idle share and USD per million tokens; desired replicas have no headroom."""
    size = fleet(INPUTS, day(10, 1))
    paid = bill(INPUTS, size, REPLICAS)
    expected = {
        "llm:peak_need:replicas": size.peak_need,
        "llm:redundancy_spare": REPLICAS - size.peak_need,
        "llm:desired_replicas": size.peak_need + size.spares,
        "llm:idle_spend:ratio_6h": paid.idle_share,
        "llm:cost_usd_per_million_tokens:1h": paid.usd_per_million_tokens,
    }
    rulepack.write(tmp_path, rulepack.sources())
    checks: list[dict[str, Any]] = [
        {
            "expr": f"abs({name} - {value!r}) < bool {1e-6 * max(1.0, abs(value))!r}",
            "eval_time": "8h",
            "exp_samples": [{"labels": '{deployment="chat", model="m"}', "value": 1}],
        }
        for name, value in expected.items()
    ]
    test = {
        "rule_files": [str(tmp_path / "fleet.rules.yml"), str(tmp_path / "cost.rules.yml")],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series(), "promql_expr_test": checks}],
    }
    (tmp_path / "agree.yml").write_text(yaml.safe_dump(test), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "agree.yml")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_autoscaled_fleet_holds_as_long_as_the_pack_does() -> None:
    """The half hour behind and ahead of `llm:demand_peak:rate`."""
    (rule,) = (
        rule for group in rulepack.groups() for rule in group["rules"] if rule.get("record") == "llm:demand_peak:rate"
    )
    assert f"[{HOLD // 60}m]" in rule["expr"]
    assert "offset 23h30m" in rule["expr"]
