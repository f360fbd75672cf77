"""A real Prometheus scrapes the sidecar."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import requests

from forewarn.catalogue import METRICS, PROBES
from tests.e2e.stack import PHASE
from tools.demo import prometheus
from tools.demo.processes import HOST, answers, free_port

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

NOT_HERE = {
    "llm_requests_swapped": "V0 engines only",
    "llm_requests_corrupted_total": "only with VLLM_COMPUTE_NANS_IN_LOGITS",
    "llm_spec_decode_draft_tokens_total": "only with speculative decoding",
    "llm_spec_decode_accepted_tokens_total": "only with speculative decoding",
    "llm_max_running_requests": "only when configured",
    "llm_objective_quality_score": "only when configured",
    "llm_objective_replica_requests_per_second": "only when configured",
    "llm_objective_deploy_headroom_replicas": "only when configured",
    "llm_objective_cost_usd_per_million_tokens": "only when configured",
    "llm_replica_gpus": "only when configured",
    "llm_replica_cost_usd_per_hour": "only when configured",
    "forewarn_collector_success": "only once a collector has failed",
    **{metric.name: "probes are turned off here; tests/vllm/test_vllm_probes.py has them" for metric in PROBES},
}


def test_every_series_of_the_catalogue_arrives_in_prometheus(stack: Stack) -> None:
    """After a few scrapes each catalogued series is queryable, save those that need a feature of the engine."""
    # Whether a warm-up is due depends on who starts first.
    off = {"FOREWARN_WARMUP_ENABLED": "false", "FOREWARN_PROBE_ENABLED": "false"}
    stack.start({"phases": [{**PHASE, "duration": 600}]}, **off)
    port = free_port(0)
    prometheus.write_config(stack.folder, stack.sidecar)
    stack.children.start("prometheus", prometheus.command(["prometheus"], stack.folder, port))
    base = f"http://{HOST}:{port}"
    stack.children.wait_for("Prometheus", lambda: answers(f"{base}/-/ready"), 60)
    wanted = {name for metric in METRICS if metric.name not in NOT_HERE for name in metric.sample_names()}
    stack.until(lambda: wanted <= _names(base))
    assert not set(NOT_HERE) & _names(base)
    quantile = "histogram_quantile(0.95, sum by (le) (rate(llm_kv_cache_usage_samples_ratio_bucket[10s])))"
    stack.until(lambda: prometheus.value(base, quantile) is not None)
    assert 0 <= (prometheus.value(base, quantile) or 0) <= 1
    assert prometheus.value(base, "scrape_samples_scraped") == len(stack.samples())


def test_a_scrape_does_not_wait_for_a_stopped_engine(stack: Stack) -> None:
    """The sidecar's page comes while a poll of the engine hangs, and still shows the last values."""
    stack.start({"phases": [{**PHASE, "duration": 600}]}, FOREWARN_POLL_TIMEOUT="20", FOREWARN_POLL_MAX_SAMPLE_AGE="60")
    stack.children.pause("engine")
    try:
        stack.until(lambda: (stack.value("forewarn_sample_age_seconds") or 0) > 1)
        started = time.monotonic()
        assert requests.get(f"http://{stack.sidecar}/metrics", timeout=10).ok
        hanging = stack.value("forewarn_sample_age_seconds") or 0
        assert time.monotonic() - started < 20
        assert hanging > 1
    finally:
        stack.children.resume("engine")


def _names(base: str) -> set[str]:
    answer = requests.get(f"{base}/api/v1/label/__name__/values", timeout=5)
    return set(answer.json()["data"])
