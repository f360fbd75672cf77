"""A real Prometheus beside the sidecar beside the real engine."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.vllm.exposition import fetch
from tests.vllm.processes import answers, background, child, wait_until
from tools.vllm_cpu.serve import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.vllm.conftest import StartSidecar
    from tools.vllm_cpu.load import Plan

pytestmark = pytest.mark.vllm

ABOVE_ZERO = (
    "max_over_time(llm_requests_waiting[1m])",
    "llm_requests_waiting_peak",
    "llm_queue_pressure_peak_ratio",
    "max_over_time(llm_kv_cache_usage_ratio[1m])",
    "llm_kv_cache_usage_peak_ratio",
    "increase(llm_preemptions_total[1m])",
    "increase(llm_requests_arrived_total[1m])",
    "rate(llm_generation_tokens_total[20s])",
    "increase(llm_slo_requests_total{sli='ttft'}[1m])",
    "rate(llm_queue_time_seconds_sum[30s]) / rate(llm_queue_time_seconds_count[30s])",
    "histogram_quantile(0.95, sum by (le, deployment) (rate(llm_requests_waiting_samples_bucket[30s])))",
    "histogram_quantile(0.99, sum by (le, deployment) (rate(llm_time_to_first_token_seconds_bucket[30s])))",
    # A threshold is a series: the comparison has to find its partner by the identity labels.
    "llm_queue_pressure_peak_ratio > on (deployment, version, track, model, engine) llm_objective_queue_pressure_ratio",
)
KV_P95 = "histogram_quantile(0.95, sum by (le, deployment) (rate(llm_kv_cache_usage_samples_ratio_bucket[30s])))"


def test_leading_series_are_queryable(start_sidecar: StartSidecar, plan: Callable[..., Plan], tmp_path: Path) -> None:
    """After half a minute of 1 s scrapes under overload, every leading signal answers a query."""
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.fail("no prometheus in PATH: apt-get install prometheus")
    port = free_port()

    def query(expression: str) -> list[float]:
        address = f"http://{HOST}:{port}/api/v1/query?{urlencode({'query': expression})}"
        answer = json.loads(fetch(address)[1])
        assert answer["status"] == "success", answer
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    with start_sidecar() as side:
        config = tmp_path / "prometheus.yml"
        config.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s"},
                    "scrape_configs": [
                        {"job_name": "forewarn", "static_configs": [{"targets": [side.url.removeprefix("http://")]}]}
                    ],
                }
            ),
            encoding="utf-8",
        )
        command = [
            prometheus,
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address={HOST}:{port}",
        ]
        load = plan(concurrency=96, requests=100_000, prompt_tokens=128, max_tokens=128, seed=91)
        with child("prometheus", command, tmp_path / "prometheus.log", os.environ):
            wait_until("Prometheus is ready", lambda: answers(f"http://{HOST}:{port}/-/ready"), 30)
            with background(load):
                wait_until("thirty scrapes", lambda: (query("count_over_time(up[2m])") or [0])[0] >= 30, 90)
                values = {expression: query(expression) for expression in ABOVE_ZERO}
                (kv_p95,) = query(KV_P95)
                (share_of_good_scrapes,) = query("avg_over_time(up[2m])")
    assert {expression: found for expression, found in values.items() if len(found) != 1 or found[0] <= 0} == {}
    assert kv_p95 > 0.85
    # A machine with no time to spare may miss a 1 s scrape timeout now and then.
    assert share_of_good_scrapes > 0.8
