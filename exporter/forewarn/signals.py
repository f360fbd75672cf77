"""The canonical signals: what forewarn wants to know of an engine, whatever the engine calls it.

One row a signal. `core` signals decide the exit status of `forewarn check`; `blind` says what nobody would see
without the signal.
"""

from __future__ import annotations

from dataclasses import dataclass

RUNNING = "requests_running"
WAITING = "requests_waiting"
SWAPPED = "requests_swapped"
KV_USAGE = "kv_cache_usage"
KV_CAPACITY = "kv_cache_capacity"
PREEMPTIONS = "preemptions"
PROMPT_TOKENS = "prompt_tokens"
CACHED_TOKENS = "prompt_tokens_cached"
GENERATION_TOKENS = "generation_tokens"
STEPS = "engine_steps"
TTFT = "time_to_first_token"
TPOT = "time_per_output_token"
ITL = "inter_token_latency"
E2E = "request_duration"
QUEUE_TIME = "queue_time"
GENERATION_LENGTH = "generation_length"
MAX_TOKENS_ASKED = "max_tokens_asked"
FINISHED = "requests_finished"
REJECTED = "requests_rejected"
CORRUPTED = "requests_corrupted"
SPEC_DRAFT = "spec_decode_draft_tokens"
SPEC_ACCEPTED = "spec_decode_accepted_tokens"
START_TIME = "engine_start_time"

EMPTY = "requests_empty"
ARRIVED = "requests_arrived"

PLUGIN = "plugin"
EXACT_PREEMPTIONS = "plugin_preemptions"
EXACT_FINISHED = "plugin_requests_finished"
EXACT_EMPTY = "plugin_requests_empty"
EXACT_JUDGED = "plugin_slo_requests"
EXACT_VIOLATIONS = "plugin_slo_violations"
STEP_WAITING = "plugin_requests_waiting_samples"
STEP_PRESSURE = "plugin_queue_pressure_samples"
STEP_KV_USAGE = "plugin_kv_cache_usage_samples"
PEAK_WAITING = "plugin_requests_waiting_peak"
PEAK_PRESSURE = "plugin_queue_pressure_peak"
PEAK_KV_USAGE = "plugin_kv_cache_usage_peak"
BUDGETS = {sli: f"plugin_objective_{sli}" for sli in ("ttft", "tpot", "e2e")}
"""The budgets that the plugin judges by, in seconds."""

EXACT: dict[str, str] = {PREEMPTIONS: EXACT_PREEMPTIONS, FINISHED: EXACT_FINISHED, EMPTY: EXACT_EMPTY}
"""Counts that the plugin takes as well, inside the engine."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A canonical signal.

    `optional` ones depend on an engine feature or mode, so their absence is no defect; only losing one is.
    """

    name: str
    blind: str
    core: bool = False
    optional: bool = False


SIGNALS: tuple[Signal, ...] = (
    Signal(RUNNING, "how much work is in flight; queue pressure", core=True),
    Signal(WAITING, "the queue: the first sign that demand passes capacity", core=True),
    Signal(KV_USAGE, "memory pressure before requests are preempted", core=True),
    Signal(PREEMPTIONS, "requests evicted and run again", core=True),
    Signal(TTFT, "time to first token against its budget", core=True),
    Signal(TPOT, "time per output token against its budget", core=True),
    Signal(E2E, "whole-request latency against its budget", core=True),
    Signal(QUEUE_TIME, "how long requests wait before they run", core=True),
    Signal(PROMPT_TOKENS, "prefill load, cost per token", core=True),
    Signal(GENERATION_TOKENS, "progress: whether a busy engine still produces", core=True),
    Signal(FINISHED, "errors and the share of every outcome", core=True),
    Signal(EMPTY, "answers without text, the first sign of a bad deploy"),
    Signal(ARRIVED, "the arrival rate of Little's law"),
    Signal(KV_CAPACITY, "how many tokens the KV cache can hold", optional=True),
    Signal(START_TIME, "restarts between two polls", optional=True),
    Signal(CACHED_TOKENS, "a lost prefix cache, which multiplies prefill work", optional=True),
    Signal(SWAPPED, "swapping, in engines that swap", optional=True),
    Signal(ITL, "the gap between two streamed outputs", optional=True),
    Signal(REJECTED, "requests turned away at a queue limit", optional=True),
    Signal(CORRUPTED, "answers computed from NaN logits", optional=True),
    Signal(SPEC_DRAFT, "speculative decoding's acceptance", optional=True),
    Signal(SPEC_ACCEPTED, "speculative decoding's acceptance", optional=True),
    Signal(PLUGIN, "every engine step, and exact counts of empty outputs and of budgets", optional=True),
)

BY_NAME = {signal.name: signal for signal in SIGNALS}
CORE = tuple(signal.name for signal in SIGNALS if signal.core)
