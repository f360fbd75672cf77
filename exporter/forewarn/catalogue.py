"""THE list of exported metrics: the exposition, docs/metrics.md and the checks of rules and boards read it.

Labels of the identity (deployment, version, track, model, engine) stand on every `llm_*` series and are not
repeated in a row. Base units; counters end in `_total`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

IDENTITY = ("deployment", "version", "track", "model", "engine")

# Few bounds each: every one is a series on every replica. The plugin observes under the same ones.
WAITING_BOUNDS = (1.0, 10.0, 100.0)
# Dense where the objective usually lies (0.85), so that a p95 near it is hardly interpolated.
KV_USAGE_BOUNDS = (0.5, 0.8, 0.85, 0.9, 0.95, 0.99)
PRESSURE_BOUNDS = (0.5, 1.0, 2.0, 4.0)

MetricType = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """An exported metric family.

    `name` is as exposed, with `_total` on counters. `labels` are those beyond the identity. `leading` says that
    it moves before users feel pain, and so may stand on the on-call board.
    """

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()
    leading: bool = False

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Label names on the series, the identity included where it applies."""
        return (*IDENTITY, *self.labels) if self.name.startswith("llm_") else self.labels

    def sample_names(self) -> tuple[str, ...]:
        """Names a query may use for this metric."""
        if self.type == "histogram":
            return tuple(self.name + suffix for suffix in ("_bucket", "_count", "_sum"))
        return (self.name,)


def _gauge(name: str, help_: str, *labels: str, leading: bool = False) -> Metric:
    return Metric(name, "gauge", help_, labels, leading)


def _counter(name: str, help_: str, *labels: str, leading: bool = False) -> Metric:
    return Metric(name, "counter", help_, labels, leading)


def _histogram(name: str, help_: str, *, leading: bool = False) -> Metric:
    return Metric(name, "histogram", help_, (), leading)


ENGINE: tuple[Metric, ...] = (
    _gauge("llm_engine_up", "1 if the last poll of the engine worked; the engine's other series vanish at 0."),
    _gauge("llm_engine_info", "1; what the engine is.", "kind", "engine_version", "source"),
    _gauge(
        "llm_engine_start_time_seconds",
        "Start of the engine's process since the epoch; inferred from counter resets where the engine does not tell.",
    ),
    _gauge(
        "llm_engine_last_progress_timestamp_seconds",
        "Last time tokens or steps were seen to advance, since the epoch.",
    ),
    _gauge("llm_engine_stalled", "1 while work is present, or a probe failed, and nothing advances.", leading=True),
)

QUEUE: tuple[Metric, ...] = (
    _gauge("llm_requests_running", "Requests in the running batch."),
    _gauge("llm_requests_waiting", "Requests queued and not yet running.", leading=True),
    _gauge("llm_requests_swapped", "Requests swapped out to host memory (engines that swap)."),
    _gauge("llm_requests_waiting_peak", "Largest number of waiting requests over the peak window.", leading=True),
    _gauge(
        "llm_queue_pressure_peak_ratio",
        "Largest waiting / max(running, 1) over the peak window.",
        leading=True,
    ),
    _histogram("llm_requests_waiting_samples", "Waiting requests, one observation per sample.", leading=True),
    _histogram(
        "llm_queue_pressure_samples_ratio",
        "Waiting / max(running, 1), one observation per sample.",
        leading=True,
    ),
    _histogram("llm_queue_time_seconds", "Time from arrival in the queue to first scheduling.", leading=True),
    _counter("llm_requests_arrived_total", "Requests that arrived: first tokens seen plus still waiting."),
    _gauge("llm_max_running_requests", "Most requests the engine runs at once, when configured."),
)

KV_CACHE: tuple[Metric, ...] = (
    _gauge("llm_kv_cache_usage_ratio", "Share of KV-cache blocks held by running requests, 0 to 1.", leading=True),
    _gauge("llm_kv_cache_usage_peak_ratio", "Largest KV-cache usage over the peak window.", leading=True),
    _histogram("llm_kv_cache_usage_samples_ratio", "KV-cache usage, one observation per sample.", leading=True),
    _gauge("llm_kv_cache_capacity_tokens", "Tokens the KV cache holds, when known."),
    _counter("llm_preemptions_total", "Requests evicted from the batch to be run again.", leading=True),
)

REQUESTS: tuple[Metric, ...] = (
    _counter("llm_prompt_tokens_total", "Prompt tokens of prefilled requests, cached ones included."),
    _counter("llm_prompt_tokens_cached_total", "Prompt tokens that needed no prefill."),
    _counter("llm_generation_tokens_total", "Generated tokens."),
    _counter(
        "llm_requests_finished_total",
        "Finished requests by reason; those dropped by their client are in none.",
        "reason",
    ),
    _counter("llm_requests_rejected_total", "Requests turned away at a queue limit.", "reason"),
    _counter("llm_requests_corrupted_total", "Finished requests with NaN in their logits.", leading=True),
    _counter("llm_requests_empty_total", "Requests that ended by themselves with no text.", "method", leading=True),
    _counter("llm_spec_decode_draft_tokens_total", "Tokens proposed by speculative decoding.", leading=True),
    _counter("llm_spec_decode_accepted_tokens_total", "Proposed tokens that were accepted.", leading=True),
)

LATENCY: tuple[Metric, ...] = (
    _histogram("llm_time_to_first_token_seconds", "Arrival to first token.", leading=True),
    _histogram(
        "llm_time_per_output_token_seconds",
        "Mean time per output token after the first, per request.",
        leading=True,
    ),
    _histogram("llm_inter_token_latency_seconds", "Time between two streamed outputs of a request."),
    _histogram("llm_request_duration_seconds", "Arrival to the end of the request."),
    _counter("llm_slo_requests_total", "Requests judged against a latency budget.", "sli", leading=True),
    _counter("llm_slo_violations_total", "Requests over their latency budget.", "sli", leading=True),
)

OBJECTIVES: tuple[Metric, ...] = (
    _gauge("llm_objective_ttft_seconds", "Budget for time to first token."),
    _gauge("llm_objective_tpot_seconds", "Budget for time per output token."),
    _gauge("llm_objective_e2e_seconds", "Budget for a whole request."),
    _gauge("llm_objective_slo_ratio", "Share of requests that must stay within their budget."),
    _gauge("llm_objective_kv_cache_usage_ratio", "KV-cache usage above which memory pressure is near."),
    _gauge("llm_objective_queue_pressure_ratio", "Waiting per running request above which the queue grows."),
    _gauge("llm_objective_queue_time_seconds", "Mean queue time above which users wait."),
    _gauge("llm_objective_quality_score", "Quality score below which a model must not serve."),
    _gauge("llm_objective_cost_usd_per_million_tokens", "Cost of a million tokens not to be passed."),
    _gauge(
        "llm_objective_replica_requests_per_second",
        "Requests per second that one replica carries within its budgets, when load-tested.",
    ),
    _gauge("llm_objective_spare_replicas", "Replicas kept beyond the peak need (k of N+k)."),
    _gauge(
        "llm_objective_deploy_headroom_replicas", "Replicas kept for the time while a deploy rolls, when configured."
    ),
)

REPLICA: tuple[Metric, ...] = (
    _gauge("llm_replica_gpus", "GPUs of this replica, when configured."),
    _gauge("llm_replica_cost_usd_per_hour", "Price of this replica, when configured."),
    _gauge("llm_replica_ready", "1 if /-/ready answers 200."),
)

PROBES: tuple[Metric, ...] = (
    _gauge("llm_replica_warm", "1 once the replica's first, slow requests are over.", leading=True),
    _gauge("llm_replica_cold_start_seconds", "Time from the start of the engine's process until it was warm."),
    _gauge("llm_warmup_failed", "1 if the replica did not get warm within its deadline.", leading=True),
    _gauge("llm_warmup_progress_ratio", "Share of the warm-up's requests that have run; absent once it is over."),
    _gauge("llm_warmup_duration_seconds", "Time that the last warm-up took."),
    _gauge("llm_probe_success", "1 if the last liveness probe streamed tokens to its end.", leading=True),
    _counter("llm_probe_requests_total", "Requests that probes sent, by what came of them.", "kind", "result"),
    _counter("llm_probe_tokens_total", "Tokens of prompts and answers that probes cost.", "kind"),
    _counter(
        "llm_probe_held_total", "Times that a probe had to wait for its token budget or rate cap.", "kind", "reason"
    ),
    _gauge(
        "llm_quality_score",
        "Share of a suite's cases that passed, or the score of an evaluation.",
        "suite",
        leading=True,
    ),
    _gauge("llm_quality_evaluated_timestamp_seconds", "When a suite was last evaluated, since the epoch.", "suite"),
    _counter("llm_quality_cases_total", "Golden prompts asked, by what the answer was worth.", "suite", "outcome"),
    _counter(
        "llm_quality_documents_total", "Documents of scores from elsewhere, accepted or rejected.", "source", "result"
    ),
)

RESERVED: tuple[Metric, ...] = ()
"""Names that rules may read before the sidecar exports them."""

SELF: tuple[Metric, ...] = (
    _gauge("forewarn_build_info", "1; version of the sidecar.", "version", "python"),
    _gauge("forewarn_schema_info", "1; version of the exported schema.", "schema"),
    _counter("forewarn_polls_total", "Polls of the engine by result.", "result"),
    _gauge(
        "forewarn_poll_duration_seconds",
        "Duration of the last poll, by speed (fast: gauges alone; full: the whole page).",
        "speed",
    ),
    _gauge("forewarn_sample_age_seconds", "Age of the newest sample of the engine."),
    _gauge("forewarn_poll_interval_seconds", "Polling interval in force, by speed.", "speed"),
    _gauge(
        "forewarn_signal_available",
        "1 if the signal is on the engine's page, 0 if it should be and is not; optional signals appear once lost.",
        "signal",
    ),
    _gauge("forewarn_signal_exact", "1 if the signal is exact, 0 if it is estimated.", "signal"),
    _gauge(
        "forewarn_collector_success",
        "0 while the collector cannot produce its series, 1 once it can again; absent on one that never failed.",
        "collector",
    ),
)

PLUGIN_PREFIX = "forewarn_plugin_"
PLUGIN_IDENTITY = ("model_name", "engine")
"""vLLM's own labels, on every series of the plugin."""


def _of_plugin(metric: Metric, *labels: str) -> Metric:
    """The plugin's row for an exported series: the same name behind another prefix."""
    name = PLUGIN_PREFIX + metric.name.removeprefix("llm_")
    help_ = metric.help.replace("per sample", "per engine step").replace("the peak window", "the last 5 to 10 seconds")
    return Metric(name, metric.type, help_, (*PLUGIN_IDENTITY, *labels), metric.leading)


_MIRRORED = {metric.name: metric for metric in (*QUEUE, *KV_CACHE, *REQUESTS, *LATENCY, *OBJECTIVES)}

PLUGIN: tuple[Metric, ...] = (
    Metric(PLUGIN_PREFIX + "info", "gauge", "1; version of the plugin.", (*PLUGIN_IDENTITY, "version")),
    Metric(
        PLUGIN_PREFIX + "unreadable_total",
        "counter",
        "Times that a field of vLLM's statistics could not be read, by the series it spoils; absent while all is well.",
        (*PLUGIN_IDENTITY, "field", "series"),
    ),
    _of_plugin(_MIRRORED["llm_requests_waiting_samples"]),
    _of_plugin(_MIRRORED["llm_queue_pressure_samples_ratio"]),
    _of_plugin(_MIRRORED["llm_kv_cache_usage_samples_ratio"]),
    _of_plugin(_MIRRORED["llm_requests_waiting_peak"]),
    _of_plugin(_MIRRORED["llm_queue_pressure_peak_ratio"]),
    _of_plugin(_MIRRORED["llm_kv_cache_usage_peak_ratio"]),
    _of_plugin(_MIRRORED["llm_preemptions_total"]),
    _of_plugin(_MIRRORED["llm_requests_finished_total"], "reason"),
    _of_plugin(_MIRRORED["llm_requests_empty_total"]),
    _of_plugin(_MIRRORED["llm_slo_requests_total"], "sli"),
    _of_plugin(_MIRRORED["llm_slo_violations_total"], "sli"),
    _of_plugin(_MIRRORED["llm_objective_ttft_seconds"]),
    _of_plugin(_MIRRORED["llm_objective_tpot_seconds"]),
    _of_plugin(_MIRRORED["llm_objective_e2e_seconds"]),
)
"""What the plugin adds to vLLM's own page."""

METRICS: tuple[Metric, ...] = (*ENGINE, *QUEUE, *KV_CACHE, *REQUESTS, *LATENCY, *OBJECTIVES, *REPLICA, *PROBES, *SELF)

BY_NAME = {metric.name: metric for metric in METRICS}


def queue_pressure(waiting: float, running: float) -> float:
    """Requests waiting for each one running; an idle engine counts as one running."""
    return waiting / max(running, 1.0)
