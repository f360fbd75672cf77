"""vLLM's own page, and which of its series the sidecar's must repeat."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.vllm.exposition import Page, fetch_page

if TYPE_CHECKING:
    from tools.vllm_cpu.serve import Engine

VALUES = {
    "llm_requests_running": "vllm:num_requests_running",
    "llm_requests_waiting": "vllm:num_requests_waiting",
    "llm_kv_cache_usage_ratio": "vllm:kv_cache_usage_perc",
    "llm_preemptions_total": "vllm:num_preemptions_total",
    "llm_prompt_tokens_total": "vllm:prompt_tokens_total",
    "llm_prompt_tokens_cached_total": "vllm:prompt_tokens_cached_total",
    "llm_generation_tokens_total": "vllm:generation_tokens_total",
}
SPLIT = {
    ("llm_requests_finished_total", "reason"): ("vllm:request_success_total", "finished_reason"),
    ("llm_requests_rejected_total", "reason"): ("vllm:admission_rejections_total", "reason"),
}
HISTOGRAMS = {
    "llm_time_to_first_token_seconds": "vllm:time_to_first_token_seconds",
    "llm_time_per_output_token_seconds": "vllm:request_time_per_output_token_seconds",
    "llm_inter_token_latency_seconds": "vllm:inter_token_latency_seconds",
    "llm_request_duration_seconds": "vllm:e2e_request_latency_seconds",
    "llm_queue_time_seconds": "vllm:request_queue_time_seconds",
}


def raw_page(engine: Engine) -> Page:
    """Return vLLM's own page."""
    return fetch_page(f"{engine.url}/metrics")


def is_idle(page: Page) -> bool:
    """Tell whether vLLM's page shows no request in the engine."""
    return page.value("vllm:num_requests_running") == 0 and page.value("vllm:num_requests_waiting") == 0


def differences(raw: Page, page: Page) -> list[str]:
    """Return one line for each value of the sidecar's page that is not what vLLM's page says."""
    pairs: dict[str, tuple[object, object]] = {
        ours: (page.value(ours), raw.value(theirs)) for ours, theirs in VALUES.items()
    }
    for (ours, label), (theirs, its_label) in SPLIT.items():
        pairs[ours] = (page.by(label, ours), raw.by(its_label, theirs))
    for ours, theirs in HISTOGRAMS.items():
        pairs[f"{ours} buckets"] = (page.buckets(ours), raw.buckets(theirs))
        pairs[f"{ours} count"] = (page.value(f"{ours}_count"), raw.value(f"{theirs}_count"))
        pairs[f"{ours} sum"] = (rounded(page.value(f"{ours}_sum")), rounded(raw.value(f"{theirs}_sum")))
    return [
        f"{name}: {got}, vLLM says {said}" for name, (got, said) in pairs.items() if got != said or not said_so(said)
    ]


def said_so(said: object) -> bool:
    """Tell whether vLLM's page has the value at all: absent on both sides is no agreement."""
    return said is not None and said != {}


def rounded(value: float | None) -> float | None:
    """Return a sum to 12 significant digits: text and addition may differ in the last ones."""
    return None if value is None or math.isnan(value) else float(f"{value:.12g}")
