"""Replica: one engine in depth. With many chosen, tables show them all and lines the worst or the sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.source import replica_latency as latency
from dashboards.source.board import Board, Cell, Section
from dashboards.source.panels import NO_OR_YES, YES_OR_NO, Column, Words, counts, grid, rows, series, states
from dashboards.source.queries import Query, kv_usage, objective, of_chosen, replica, restart_count, sidecar, worst

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries

RANK = "{{instance}} rank {{engine}}"
WHO = "instance, deployment, version"
USAGE = (("text", None), ("orange", 0.7), ("red", 0.85))


def replicas() -> table.Panel:
    """Those chosen, and how they are."""
    words = Words(
        "Which replicas are these, and how are they?",
        "a NO under up, ready or warm; a YES under stalled; one replica unlike the others.",
        "down or stalled: take it out of rotation, then read the engine's log. Click a replica to see it alone.",
        ("LLMEngineDown", "LLMEngineStalled"),
    )
    up = f"min by ({WHO}) ({replica('llm_engine_up')})"
    started = f"time() - min by ({WHO}) ({replica('llm_engine_start_time_seconds')} > 0)"
    slowest = f"max by ({WHO}) ({replica('llm:time_to_first_token:p99_5m')})"
    columns = (
        Column(Query(up, "Up"), texts=YES_OR_NO),
        Column(Query(f"min by ({WHO}) ({replica('llm_replica_ready')})", "Ready"), texts=YES_OR_NO),
        Column(Query(f"min by ({WHO}) ({replica('llm_replica_warm')})", "Warm"), texts=YES_OR_NO),
        Column(Query(f"max by ({WHO}) ({replica('llm_engine_stalled')})", "Stalled"), texts=NO_OR_YES),
        Column(Query(f"sum by ({WHO}) ({replica('llm_requests_running')})", "Running")),
        Column(Query(f"sum by ({WHO}) ({replica('llm_requests_waiting')})", "Waiting")),
        Column(Query(f"max by ({WHO}) ({replica('llm_kv_cache_usage_ratio')})", "KV cache", unit="percentunit"), USAGE),
        Column(Query(slowest, "TTFT p99", unit="s")),
        Column(Query(started, "Up for", unit="s")),
    )
    labels = {"instance": "Replica", "deployment": "Deployment", "version": "Version"}
    return grid(words, columns, labels, "No replica: no sidecar is scraped, or the variables exclude all")


def trouble() -> stat.Panel:
    """What makes the rest of the board doubtful."""
    words = Words(
        "Anything down?",
        "anything but 0. A sidecar that is gone leaves every other panel without this replica.",
        "engine down or restarting: read the end of its log. Sidecar gone: look at its target in Prometheus. Failed "
        "collector: the sidecar's log.",
        ("LLMEngineDown", "LLMEngineRestarting", "LLMExporterDown", "LLMPackSchemaMismatch"),
    )
    up = replica("llm_engine_up")
    gone = f"count({replica('llm:sidecar:seen')} unless on (job, instance) {up}) or 0 * count({up})"
    broken = of_chosen(f"{sidecar('forewarn_collector_success')} == 0")
    other = of_chosen(sidecar("forewarn_schema_info", 'schema!="1"'))
    return counts(
        words,
        [
            Query(f"sum(min by (instance) ({up}) == bool 0)", "Engines down"),
            Query(f"sum({restart_count('30m')})", "Restarts in 30 min"),
            Query(gone, "Sidecars gone"),
            Query(f"count({other}) or 0 * count({up})", "Wrong schema"),
            Query(f"count({broken}) or 0 * count({up})", "Failed collectors"),
        ],
    )


def builds() -> table.Panel:
    """Versions of engine and sidecar."""
    words = Words(
        "What runs here?",
        "an engine version that you did not deploy; several at once outside of a roll; `source` not `plugin` where "
        "the plugin is installed.",
        "compare with the deploy. `forewarn check` says what this release's page lacks.",
        ("LLMPackSchemaMismatch", "LLMSignalMissing"),
    )
    by = "engine_version, source, version"
    columns = {"engine_version": "Engine", "source": "Source", "version": "Version", "Value": "Replicas"}
    return rows(words, Query(f"count by ({by}) ({replica('llm_engine_info')})", ""), columns, "No engine was seen")


def running() -> timeseries.Panel:
    """Batch and queue."""
    words = Words(
        "How full is the batch?",
        "running flat at its limit while waiting climbs; peaks (short dashes) far above are bursts between scrapes.",
        "more concurrency helps only while the KV cache has room; else add a replica.",
        ("LLMQueueGrowing", "LLMQueueTimeHigh"),
    )
    limit = f"max by (deployment) ({replica('llm_max_running_requests')})"
    return series(
        words,
        [
            Query(worst(replica("llm_requests_running"), 2), f"running {RANK}"),
            Query(worst(replica("llm_requests_waiting"), 2), f"waiting {RANK}"),
            Query(f"max({replica('llm_requests_waiting_peak')})", "highest peak waiting", "faint"),
            Query(limit, "most at once {{deployment}}", "limit"),
        ],
        "short",
    )


def pressure() -> timeseries.Panel:
    """Queue pressure, sampled."""
    words = Words(
        "How many wait per running?",
        "the mean above the dashed objective and rising. Peaks alone are bursts that drain.",
        "shed load or add a replica; one replica alone is a routing problem.",
        ("LLMQueueGrowing",),
    )
    return series(
        words,
        [
            Query(worst(replica("llm:queue_pressure:mean_1m"), 3), f"mean {RANK}"),
            Query(f"max({replica('llm_queue_pressure_peak_ratio')})", "highest peak", "faint"),
            objective("queue_pressure_ratio"),
        ],
        "short",
    )


def memory() -> timeseries.Panel:
    """KV cache, at scrapes and between."""
    words = Words(
        "How full is the KV cache?",
        "p95 (below 50 % the mean) above the dashed line: there is rarely room. Peaks at 100 % with preemptions: it "
        "already bites.",
        "shorten output, lower --max-num-seqs, or add a replica.",
        ("LLMKVCacheHigh", "LLMKVCacheExhaustionImminent"),
    )
    return series(
        words,
        [
            Query(worst(replica("llm_kv_cache_usage_ratio"), 2), f"at the scrape {RANK}"),
            Query(kv_usage(2), f"p95 {RANK}"),
            Query(f"max({replica('llm_kv_cache_usage_peak_ratio')})", "highest peak", "faint"),
            objective("kv_cache_usage_ratio"),
        ],
        "percentunit",
    ).max(1)


def evictions() -> timeseries.Panel:
    """Preemptions by replica."""
    words = Words(
        "Are requests evicted?",
        "anything above 0 that lasts: each eviction computes a prompt twice.",
        "lower --max-num-seqs, or give the KV cache more memory.",
        ("LLMPreemptionsSustained",),
    )
    return series(words, [Query(worst(replica("llm:preemptions:rate2m")), RANK)], "cps").axis_soft_max(0.1)


def trust() -> table.Panel:
    """Exact, estimated, blind."""
    words = Words(
        "Which signals are seen?",
        "a NO under seen: the engine's page lacks it, and what rests on it is blind. A no under exact: the value is "
        "interpolated or estimated; good for trends, not for single requests.",
        "missing: `forewarn check` says what it looked for. Exact counts need the plugin in the engine.",
        ("LLMSignalMissing",),
    )
    estimated = {1: ("exact", "green"), 0: ("estimated", "text")}
    seen = f"min by (signal) ({of_chosen(sidecar('forewarn_signal_available'))})"
    exact = f"min by (signal) ({of_chosen(sidecar('forewarn_signal_exact'))})"
    columns = (Column(Query(seen, "Seen"), texts=YES_OR_NO), Column(Query(exact, "Counted"), texts=estimated))
    return grid(words, columns, {"signal": "Signal"}, "No sidecar is scraped")


def freshness() -> timeseries.Panel:
    """How old what the sidecar knows is, and how long it takes to ask."""
    words = Words(
        "How old are the samples?",
        "age above the dashed 30 s: the engine does not answer its metrics, and every line here stands still.",
        "look at the engine first: a page that takes seconds is an overloaded API process.",
        ("LLMSamplesStale",),
    )
    return series(
        words,
        [
            Query(f"max({of_chosen(sidecar('forewarn_sample_age_seconds'))})", "oldest sample"),
            Query(
                f"max by (speed) ({of_chosen(sidecar('forewarn_poll_duration_seconds'))})", "slowest poll, {{speed}}"
            ),
            Query("vector(30)", "stale above", "limit"),
        ],
        "s",
    )


def polls() -> timeseries.Panel:
    """Polls that fail."""
    words = Words(
        "Do the sidecar's polls work?",
        "any result but ok: refused, timeout, or a page that cannot be read.",
        "refused: the engine is down. Timeouts: it hangs. Anything else: `forewarn check` shows the page's fault.",
        ("LLMEngineDown", "LLMSamplesStale"),
    )
    rate = of_chosen(f"rate({sidecar('forewarn_polls_total')}[5m])")
    return series(
        words,
        [Query(f"sum by (result) ({rate})", "{{result}}")],
        "cps",
    )


def liveness() -> statetimeline.Panel:
    """Readiness, warmth and the last probe."""
    words = Words(
        "Was it ready, warm and alive?",
        "red: not ready, not warm, or the last probe got no tokens. Ready but cold serves slow first requests.",
        "let traffic wait for /-/ready. A failed probe beside a healthy /health is a wedge: restart it.",
        ("LLMColdReplicaServing", "LLMWarmupFailed", "LLMEngineStalled"),
    )
    return states(
        words,
        [
            Query(f"min by (deployment) ({replica('llm_replica_ready')})", "all ready {{deployment}}"),
            Query(f"min by (deployment) ({replica('llm_replica_warm')})", "all warm {{deployment}}"),
            Query(f"min by (deployment) ({replica('llm_probe_success')})", "all probes {{deployment}}"),
            Query(f"1 - max by (deployment) ({replica('llm_engine_stalled')})", "all move {{deployment}}"),
        ],
        {1: ("yes", "green"), 0: ("NO", "red")},
    )


def warmup() -> timeseries.Panel:
    """What a start costs."""
    words = Words(
        "How long does a start take?",
        "a cold start that grows from deploy to deploy; progress that stands still before 100 %.",
        "cache compiled kernels and weights on the node; the status page says at which step a warm-up stands.",
        ("LLMWarmupFailed",),
    )
    return series(
        words,
        [
            Query(worst(replica("llm_replica_cold_start_seconds"), 2), "cold start {{instance}}"),
            Query(f"max({replica('llm_warmup_duration_seconds')})", "longest warm-up", "faint"),
            Query(worst(replica("llm_warmup_progress_ratio"), 1), "progress {{instance}}", unit="percentunit"),
        ],
        "s",
    )


def probes() -> timeseries.Panel:
    """What probes found and cost."""
    words = Words(
        "What do probes find?",
        "results other than ok, or tokens per second that are no longer small.",
        "liveness failures: restart the replica. Too many tokens: widen the probe's interval in its settings.",
        ("LLMEngineStalled",),
    )
    return series(
        words,
        [
            Query(f"sum by (kind, result) (rate({replica('llm_probe_requests_total')}[5m]))", "{{kind}} {{result}}"),
            Query(f"sum(rate({replica('llm_probe_tokens_total')}[5m]))", "tokens/s, all probes", "faint"),
        ],
        "cps",
    )


BOARD = Board(
    "forewarn-replica",
    "forewarn / Replica",
    "One engine in depth: choose an instance. Sampled peaks stand beside instant values.",
    "1h",
    (
        Cell(trouble, 4, 7),
        Cell(replicas, 20, 7),
        Section("Queue, batch and memory: short dashes are peaks that scrapes do not see"),
        Cell(running, 6, 8),
        Cell(pressure, 6, 8),
        Cell(memory, 6, 8),
        Cell(evictions, 6, 8),
        Section("Where the time goes"),
        *latency.CELLS,
        Section("Can these values be trusted?"),
        Cell(trust, 6, 9),
        Cell(builds, 6, 9),
        Cell(freshness, 6, 9),
        Cell(polls, 6, 9),
        Section("Starts and probes"),
        Cell(liveness, 8, 7),
        Cell(warmup, 8, 7),
        Cell(probes, 8, 7),
    ),
)
