"""The indicators of the scenes: what does not change about each of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What does not change about an indicator."""

    id: str
    title: str
    unit: str
    objective: float | None
    leading: bool
    series: str
    alert: str
    signal: str
    meaning: str
    first_step: str


KINDS = (
    Kind(
        "queue_pressure",
        "Queue pressure",
        "ratio",
        1.0,
        True,
        "llm_queue_pressure_peak_ratio",
        "LLMQueueGrowing",
        "requests_waiting",
        "Waiting over running requests, the peak of the last minute. Above 1, work arrives faster than it leaves.",
        "Scale out, or shed the lowest-priority traffic now.",
    ),
    Kind(
        "requests_waiting",
        "Waiting requests",
        "requests",
        None,
        True,
        "llm_requests_waiting_peak",
        "LLMQueueGrowing",
        "requests_waiting",
        "Requests that hold no slot yet, the peak of the last minute.",
        "See whether arrivals rose or requests became longer.",
    ),
    Kind(
        "kv_cache_usage",
        "KV cache usage",
        "percent",
        0.85,
        True,
        "llm_kv_cache_usage_peak_ratio",
        "LLMKVCacheHigh",
        "kv_cache_usage",
        "How full the KV cache is. When it is full, running requests are preempted.",
        "Lower max-num-seqs or route long prompts elsewhere.",
    ),
    Kind(
        "preemption_rate",
        "Preemption rate",
        "per_second",
        0.1,
        True,
        "llm_preemptions_total",
        "LLMPreemptionsSustained",
        "preemptions",
        "Running requests thrown out and computed again: work that is paid for twice.",
        "Treat it as a full KV cache: fewer sequences, or more replicas.",
    ),
    Kind(
        "queue_time_mean",
        "Queue time, mean",
        "seconds",
        0.5,
        True,
        "llm_queue_time_seconds",
        "LLMQueueTimeHigh",
        "queue_time",
        "How long a request waited before its first step.",
        "Scale out; the queue is longer than the budget.",
    ),
    Kind(
        "ttft_p99",
        "TTFT p99",
        "seconds",
        2.0,
        False,
        "llm_time_to_first_token_seconds",
        "LLMTTFTBudgetBurn",
        "time_to_first_token",
        "Time to first token, the slowest 1 % of the last five minutes.",
        "Look at queue pressure first; if it is calm, at prompt length.",
    ),
    Kind(
        "tpot_p99",
        "TPOT p99",
        "seconds",
        0.08,
        False,
        "llm_time_per_output_token_seconds",
        "LLMTPOTBudgetBurn",
        "time_per_output_token",
        "Time per output token after the first, the slowest 1 %.",
        "Lower the batch size or long-prompt share.",
    ),
    Kind(
        "slo_burn",
        "SLO burn",
        "ratio",
        1.0,
        False,
        "llm_slo_violations_total",
        "LLMTTFTBudgetBurn",
        "time_to_first_token",
        "Speed at which the error budget is spent; 1 spends it exactly by the end of the period.",
        "Find the SLI that burns and take its runbook.",
    ),
    Kind(
        "empty_outputs",
        "Empty outputs",
        "percent",
        0.01,
        False,
        "llm_requests_empty_total",
        "LLMEmptyOutputsAboveBaseline",
        "requests_empty",
        "Requests that ended by themselves without any text.",
        "Compare with the last deploy; replay one such prompt.",
    ),
)
