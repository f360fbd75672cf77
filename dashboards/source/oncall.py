"""On-call: one screen of what moves before users feel pain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards.source.board import Board, Cell
from dashboards.source.panels import Words, bars, counts, rows, series
from dashboards.source.queries import KV_USAGE, Query, deployment, kv_usage, objective, replica, sidecar, worst

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries

RANK = "{{instance}} rank {{engine}}"
KEYS = "cluster, namespace, deployment, model, track"
TPOT = f"""histogram_quantile(0.99,
  sum by (deployment, model, le) (rate({replica("llm_time_per_output_token_seconds_bucket")}[5m]))
)"""


def limits() -> bargauge.Panel:
    """Each signal as a share of its objective."""
    words = Words(
        "How near is each limit?",
        "a bar near or past 100 %: the worst replica or deployment reaches its objective.",
        "start with the topmost bar that is red; the panels below show which replica it is.",
        ("LLMQueueGrowing", "LLMKVCacheHigh"),
    )
    pressure = f"{replica('llm:queue_pressure:mean_1m')} / {replica('llm_objective_queue_pressure_ratio')}"
    wait = f"{replica('llm:queue_time:mean_5m')} / {replica('llm_objective_queue_time_seconds')}"
    cache = f"{KV_USAGE} / {replica('llm_objective_kv_cache_usage_ratio')}"
    ttft = f"{replica('llm:time_to_first_token:p99_5m')} / {replica('llm_objective_ttft_seconds')}"
    budget = f"max by (deployment, model) ({replica('llm_objective_tpot_seconds')})"
    ratio, allowed = deployment("llm:slo_violations:ratio_1h"), deployment("llm:slo_budget:ratio")
    failed = f"1 - {replica('llm_quality_score')}"
    tolerated = f"(1 - {replica('llm_objective_quality_score')} > 0)"
    return bars(
        words,
        [
            Query(f"max({pressure})", "Queue"),
            Query(f"max({wait})", "Queue time"),
            Query(f"max({cache})", "KV cache"),
            Query(f"max({ttft})", "TTFT p99"),
            Query(f"max({TPOT} / on (deployment, model) {budget})", "TPOT p99"),
            Query(f"max({ratio} / on ({KEYS}) group_left () (14.4 * {allowed}))", "Burn, 1 h"),
            Query(f"max(({failed}) / ignoring (suite) group_left () {tolerated})", "Quality"),
        ],
        "percentunit",
    )


def firing() -> table.Panel:
    """Alerts that page or open a ticket."""
    words = Words(
        "What fires now?",
        "any critical row; one alert on many replicas is one cause.",
        "read the alert's runbook, then open the Replica board for the deployment.",
        ("LLMEngineDown",),
    )
    chosen = 'component="llm",alertstate="firing",severity=~"critical|warning"'
    alerts = f'ALERTS{{{chosen},deployment=~"$deployment|",instance=~"$instance|"}}'
    columns = {"severity": "Severity", "alertname": "Alert", "deployment": "Deployment", "Value": "Series"}
    found = rows(words, Query(f"count by (severity, alertname, deployment) ({alerts})", ""), columns, "Nothing fires")
    for title, width in (("Deployment", 95), ("Series", 60)):
        found.override_by_name(title, [DynamicConfigValue(id_val="custom.width", value=width)])
    return found


def quality() -> timeseries.Panel:
    """Scores against the gate."""
    words = Words(
        "Are answers still good?",
        "a score that falls towards its gate: the model is up and fast and wrong.",
        "compare with the time of the last deploy, and roll back.",
        ("LLMQualityBelowGate", "LLMQualityDrift"),
    )
    score = Query(f"min by (deployment, suite) ({replica('llm_quality_score')})", "{{deployment}} {{suite}}")
    return series(words, [score, objective("quality_score")], "percentunit")


def blind() -> stat.Panel:
    """What this board cannot vouch for."""
    words = Words(
        "Anything unseen?",
        "anything but 0: an engine stands still, a signal is gone, or no rule has been evaluated.",
        "a stalled engine: restart it. Blind signals: `forewarn check`. Rules silent: load the rules pack.",
        ("LLMEngineStalled", "LLMSignalMissing", "LLMSamplesStale"),
    )
    return counts(
        words,
        [
            Query(f"sum({replica('llm_engine_stalled')})", "Stalled engines"),
            Query(f"sum({sidecar('forewarn_signal_available')} == bool 0)", "Blind signals"),
            Query(f"sum({sidecar('forewarn_sample_age_seconds')} > bool 30)", "Stale sidecars"),
            Query("absent(llm:queue_pressure:mean_1m) or vector(0)", "Rules silent"),
        ],
    )


def queue_pressure() -> timeseries.Panel:
    """Waiting for each running request."""
    words = Words(
        "How many wait per running?",
        "above the dashed line and rising: past capacity the queue grows without bound.",
        "add a replica or shed low-priority load now; latency follows the queue.",
        ("LLMQueueGrowing",),
    )
    peak = Query(f"max({replica('llm_queue_pressure_peak_ratio')})", "highest peak", "faint")
    mean = Query(worst(replica("llm:queue_pressure:mean_1m")), RANK)
    return series(words, [mean, peak, objective("queue_pressure_ratio")], "short")


def waiting() -> timeseries.Panel:
    """Queue length, and what a scrape does not see of it."""
    words = Words(
        "How long is the queue?",
        "a line that climbs, or peaks (short dashes) far above it: bursts that come and go between scrapes.",
        "see which replica stands out; one alone is a routing problem, all of them a capacity problem.",
        ("LLMQueueGrowing", "LLMQueueTimeHigh"),
    )
    peak = Query(f"max({replica('llm_requests_waiting_peak')})", "highest peak", "faint")
    return series(words, [Query(worst(replica("llm_requests_waiting")), RANK), peak], "short").axis_soft_max(5)


def kv_cache() -> timeseries.Panel:
    """KV-cache use, and where it is in ten minutes."""
    words = Words(
        "Will the KV cache run full?",
        "above the dashed line, or the forecast at 100 %: requests will be evicted. From 50 % on it is the p95 of five "
        "minutes, below it the mean.",
        "cut output length or concurrency, or add a replica.",
        ("LLMKVCacheExhaustionImminent", "LLMKVCacheHigh"),
    )
    trend = f"predict_linear({replica('llm:kv_cache_usage:mean_1m')}[10m], 600)"
    forecast = Query(f"clamp(max({trend}), 0, 1)", "forecast in 10 min", "faint")
    used = Query(kv_usage(4), RANK)
    return series(words, [used, forecast, objective("kv_cache_usage_ratio")], "percentunit").max(1)


def preemptions() -> timeseries.Panel:
    """Requests evicted and run again."""
    words = Words(
        "Are requests evicted?",
        "anything above 0 that lasts: memory pressure already bites.",
        "lower --max-num-seqs, shorten output, or add a replica.",
        ("LLMPreemptionsSustained",),
    )
    return series(words, [Query(worst(replica("llm:preemptions:rate2m")), RANK)], "cps").axis_soft_max(0.1)


def ttft() -> timeseries.Panel:
    """TTFT p99 against its budget."""
    words = Words(
        "Is the first token in time?",
        "the dotted wait of the queue passes a tenth of the dashed budget; p99, the slowest 1 %, follows it.",
        "look at the queue first; with no queue, at prompt length and prefix-cache hits.",
        ("LLMTTFTAtRisk", "LLMTTFTBudgetBurn", "LLMLatencyTailDiverging"),
    )
    slowest = Query(worst(replica("llm:time_to_first_token:p99_5m")), RANK)
    wait = Query(worst(deployment("llm:queue_wait:expected_1m")), "wait {{deployment}}", "faint")
    return series(words, [slowest, wait, objective("ttft_seconds")], "s")


def tpot() -> timeseries.Panel:
    """TPOT p99 against its budget."""
    words = Words(
        "Do tokens flow in time?",
        "p99, the slowest 1 %, nears the dashed budget.",
        "the batch is too large or prefill interrupts decode: lower concurrency, check chunked prefill.",
        ("LLMTPOTBudgetBurn",),
    )
    return series(words, [Query(TPOT, "{{deployment}}"), objective("tpot_seconds")], "s")


def burn() -> timeseries.Panel:
    """How many times too fast the error budget burns."""
    words = Words(
        "Does the error budget burn?",
        "how many times too fast it goes. Above the dashed 14.4 for an hour: 2 % of a month's budget is gone, and it "
        "pages.",
        "look at the queue and the KV cache beside it; they say why.",
        ("LLMTTFTBudgetBurn", "LLMTPOTBudgetBurn"),
    )
    ratio, allowed = deployment("llm:slo_violations:ratio_5m"), deployment("llm:slo_budget:ratio")
    rate = f"max by (deployment, sli) ({ratio} / on ({KEYS}) group_left () ({allowed} > 0))"
    return series(
        words,
        [Query(rate, "{{deployment}} {{sli}}"), Query("vector(14.4)", "pages at 14.4", "limit")],
        "short",
    )


def outcomes() -> timeseries.Panel:
    """Empty and failed answers against what is usual."""
    words = Words(
        "More bad answers than usual?",
        "a line above the dashed one: beyond its usual share and beyond noise. Empty answers hurt no latency.",
        "compare with the time of the last deploy, and roll back.",
        ("LLMEmptyOutputsAboveBaseline", "LLMErrorsAboveBaseline"),
    )
    finished = f"({deployment('llm:requests_finished:count_10m')} > 0)"

    def share(kind: str) -> Query:
        return Query(
            f"{deployment(f'llm:requests_{kind}:count_10m')} / {finished}", f"{kind} {{{{deployment}}}} {{{{track}}}}"
        )

    def alarm(kind: str) -> Query:
        usual = deployment(f"llm:requests_{kind}:baseline_ratio")
        level = f"min(2 * {usual} + 4 * sqrt({usual} * (1 - {usual}) / {finished}))"
        return Query(level, f"{kind}: more than usual", "limit")

    return series(words, [share("empty"), share("failed"), alarm("empty"), alarm("failed")], "percentunit")


BOARD = Board(
    "forewarn-on-call",
    "forewarn / On-call",
    "Is anything about to break? Only signals that move before users feel pain.",
    "1h",
    (
        Cell(limits, 6, 8),
        Cell(firing, 9, 8),
        Cell(quality, 5, 8),
        Cell(blind, 4, 8),
        Cell(queue_pressure, 6, 7),
        Cell(waiting, 6, 7),
        Cell(kv_cache, 6, 7),
        Cell(preemptions, 6, 7),
        Cell(ttft, 6, 7),
        Cell(tpot, 6, 7),
        Cell(burn, 6, 7),
        Cell(outcomes, 6, 7),
    ),
)
