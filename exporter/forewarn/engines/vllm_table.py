"""vLLM's names: canonical signal → series, by release, for both engines (V0 until 0.10.2, V1 since 0.7.1).

Read from the source of the releases 0.2.6 to 0.33.0 and checked against running servers. A new release that
renames a series gets a row here, and a page on each side of the boundary in `tests/fixtures/pages`.
"""

from __future__ import annotations

import math

from forewarn import signals as s
from forewarn.catalogue import PLUGIN_PREFIX
from forewarn.engines.base import Kind, Row

PREFIXES = ("vllm:", "ray_vllm:", "ray_vllm_", "kserve_vllm:")
"""Ray's agent and OpenShift AI put theirs in front; Ray replaces the colon since vLLM 0.11.1."""

ROWS: tuple[Row, ...] = (
    Row(s.RUNNING, "num_requests_running", "gauge"),
    Row(s.WAITING, "num_requests_waiting", "gauge"),
    Row(s.SWAPPED, "num_requests_swapped", "gauge", until="0.9.0", note="V0; hidden from 0.8.3"),
    # Never the sum: every series of a rank shows the same cache, once per API server process.
    Row(s.KV_USAGE, "kv_cache_usage_perc", "gauge", since="0.9.2", combine="max"),
    Row(s.KV_USAGE, "gpu_cache_usage_perc", "gauge", until="0.10.2", combine="max", note="hidden in 0.11"),
    Row(s.PREEMPTIONS, "num_preemptions_total", "counter", since="0.4.3", note="V1 from 0.8.0"),
    Row(s.PROMPT_TOKENS, "prompt_tokens_total", "counter", since="0.3.1"),
    Row(s.GENERATION_TOKENS, "generation_tokens_total", "counter", since="0.3.1"),
    Row(s.CACHED_TOKENS, "prompt_tokens_cached_total", "counter", since="0.16.0"),
    # The older gpu_prefix_cache_hits counts blocks or tokens by release under one name: not used.
    Row(
        s.CACHED_TOKENS,
        "prefix_cache_hits_total",
        "counter",
        since="0.9.2",
        estimate="local prefix-cache hits; tokens from a KV connector are not in it",
    ),
    Row(s.TTFT, "time_to_first_token_seconds", "histogram", since="0.3.1"),
    Row(
        s.TPOT,
        "request_time_per_output_token_seconds",
        "histogram",
        since="0.11.0",
        note="mean of each finished request; 0 for one-token requests",
    ),
    Row(
        s.TPOT,
        "time_per_output_token_seconds",
        "histogram",
        since="0.3.1",
        until="0.11.2",
        estimate="gaps between single tokens, not the mean of each request",
    ),
    Row(
        s.TPOT,
        "inter_token_latency_seconds",
        "histogram",
        since="0.10.2",
        estimate="gaps between streamed outputs, not the mean of each request",
    ),
    Row(s.ITL, "inter_token_latency_seconds", "histogram", since="0.10.2"),
    Row(s.ITL, "time_per_output_token_seconds", "histogram", since="0.3.1", until="0.11.2"),
    Row(s.E2E, "e2e_request_latency_seconds", "histogram", since="0.3.1", note="V1 from 0.7.3"),
    Row(s.QUEUE_TIME, "request_queue_time_seconds", "histogram", since="0.6.4", note="V1 from 0.7.3"),
    Row(s.QUEUE_TIME, "time_in_queue_requests", "histogram", since="0.6.4", until="0.9.0", note="V0"),
    Row(s.GENERATION_LENGTH, "request_generation_tokens", "histogram", since="0.4.2", edge=1.0),
    Row(s.MAX_TOKENS_ASKED, "request_params_max_tokens", "histogram", since="0.6.4", edge=1.0, note="V1 from 0.8.0"),
    Row(s.STEPS, "iteration_tokens_total", "histogram", since="0.6.4", edge=math.inf),
    Row(s.FINISHED, "request_success_total", "counter", since="0.4.2", split="finished_reason"),
    Row(s.REJECTED, "admission_rejections_total", "counter", since="0.32.0", split="reason"),
    Row(s.CORRUPTED, "corrupted_requests_total", "counter", since="0.11.1"),
    Row(s.SPEC_DRAFT, "spec_decode_num_draft_tokens_total", "counter", since="0.5.3"),
    Row(s.SPEC_ACCEPTED, "spec_decode_num_accepted_tokens_total", "counter", since="0.5.3"),
)


def _of_plugin(signal: str, name: str, kind: Kind, split: str | None = None) -> Row:
    # Never the sum of gauges: with several API servers each has its own, and shows the same thing.
    return Row(
        signal, PLUGIN_PREFIX + name, kind, since="0.11.1", combine="sum" if kind == "counter" else "max", split=split
    )


PLUGIN_ROWS: tuple[Row, ...] = (
    _of_plugin(s.PLUGIN, "info", "gauge"),
    _of_plugin(s.STEP_WAITING, "requests_waiting_samples", "histogram"),
    _of_plugin(s.STEP_PRESSURE, "queue_pressure_samples_ratio", "histogram"),
    _of_plugin(s.STEP_KV_USAGE, "kv_cache_usage_samples_ratio", "histogram"),
    _of_plugin(s.PEAK_WAITING, "requests_waiting_peak", "gauge"),
    _of_plugin(s.PEAK_PRESSURE, "queue_pressure_peak_ratio", "gauge"),
    _of_plugin(s.PEAK_KV_USAGE, "kv_cache_usage_peak_ratio", "gauge"),
    _of_plugin(s.EXACT_PREEMPTIONS, "preemptions_total", "counter"),
    _of_plugin(s.EXACT_FINISHED, "requests_finished_total", "counter", split="reason"),
    _of_plugin(s.EXACT_EMPTY, "requests_empty_total", "counter"),
    _of_plugin(s.EXACT_JUDGED, "slo_requests_total", "counter", split="sli"),
    _of_plugin(s.EXACT_VIOLATIONS, "slo_violations_total", "counter", split="sli"),
    *(_of_plugin(signal, f"objective_{sli}_seconds", "gauge") for sli, signal in s.BUDGETS.items()),
)
"""What forewarn's own plugin adds to the page, where it is installed beside vLLM. No prefix stands before these."""

PLUGIN_UNREADABLE = PLUGIN_PREFIX + "unreadable_total"
NO_PLUGIN = "no forewarn_plugin_info on the page: forewarn is not installed beside vLLM, or vLLM is older than 0.11.1"

CACHE_INFO = "cache_config_info"
PROCESS_START = "process_start_time_seconds"
MODEL_LABEL = "model_name"
RANK_LABEL = "engine"
PROCESS_LABEL = "pid"

FAST_SIGNALS = (s.RUNNING, s.WAITING, s.SWAPPED, s.KV_USAGE)
"""Gauges that move within a second and cost little to encode."""
