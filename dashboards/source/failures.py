"""Failures of a fleet: what k spares cover, what they do not, and which replicas fare worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.source.panels import Column, Words, counts, grid
from dashboards.source.panels_more import by_column, counted, in_words, narrow
from dashboards.source.queries import KV_USAGE, Query, replica, restart_count
from dashboards.source.queries_more import among_highest, highest

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import stat, table, timeseries

DOWN = replica("llm:replica_up:min")
ROW = "deployment, version, instance"
STATES = (
    (4.0, None, "Down", "red"),
    (3.0, 4.0, "Stalled", "red"),
    (2.0, 3.0, "Cold", "orange"),
    (1.0, 2.0, "Not ready", "orange"),
    (None, 1.0, "Serving", "green"),
)


def failing() -> stat.Panel:
    """Replicas that should serve and do not."""
    words = Words(
        "What does not serve?",
        "anything but 0. *Sidecars gone*: their replicas are unwatched, up or not.",
        "find them at the top of the table below; then the Replica board says what each of them does.",
        ("LLMEngineDown", "LLMEngineStalled", "LLMExporterDown", "LLMWarmupFailed"),
    )
    gone = f"{replica('llm:sidecar:seen')} unless on (job, instance) {replica('llm_engine_up')}"
    return counts(
        words,
        [
            Query(f"sum({DOWN} == bool 0)", "Down"),
            Query(f"sum(max without (engine) ({replica('llm_engine_stalled')}))", "Stalled"),
            Query(f"sum({replica('llm_replica_ready')} == bool 0)", "Not ready"),
            Query(f"sum({replica('llm_warmup_failed')})", "Warm-up failed"),
            Query(f"count({gone}) or 0 * count({replica('llm_engine_up')})", "Sidecars gone"),
        ],
    )


def unready() -> timeseries.Panel:
    """What replicas do instead of serving, over time."""
    words = Words(
        "What do replicas do instead of serving?",
        "a line that stays above 0. Warming up is normal for minutes after a start; down and stalled never are.",
        "cold for long: see the Deploy board. Down: read the engine's log. Stalled: restart it.",
        ("LLMEngineDown", "LLMEngineStalled", "LLMColdReplicaServing"),
    )
    queries = [
        Query(f"sum({DOWN} == bool 0)", "down"),
        Query(f"sum(max without (engine) ({replica('llm_engine_stalled')}))", "stalled"),
        Query(f"sum({replica('llm_replica_warm')} == bool 0)", "cold or warming up"),
        Query(f"sum({replica('llm_replica_ready')} == bool 0)", "not ready, all reasons", "faint"),
    ]
    return counted(words, queries)


def by_version() -> timeseries.Panel:
    """Replicas down, by what they run."""
    words = Words(
        "Do replicas of one version fail together?",
        "a line at its dashed limit (two, and 30 % of the version): they share a cause, and spares do not cover it.",
        "roll the version back now, read logs later.",
        ("LLMCorrelatedFailure",),
    )
    by = "sum by (deployment, version)"
    down, limit = f"{by} ({DOWN} == bool 0)", f"clamp_min(ceil(0.3 * count by (deployment, version) ({DOWN})), 2)"
    queries = [
        Query(highest(down), "{{deployment}} {{version}}"),
        Query(f"{limit} and {_ever(down)}", "together {{deployment}} {{version}}", "limit"),
    ]
    return counted(words, queries)


def by_node() -> timeseries.Panel:
    """Replicas down, by where they run."""
    words = Words(
        "Do replicas on one node fail together?",
        "a line at its dashed limit (two, and half of the node): driver, power or network, not the model.",
        "cordon and drain the node; its replicas start elsewhere. It needs a label *node* on the targets.",
        ("LLMCorrelatedFailure",),
    )
    up = replica("llm:replica_up:min", 'node!=""')
    down, limit = f"sum by (node) ({up} == bool 0)", f"clamp_min(ceil(0.5 * count by (node) ({up})), 2)"
    queries = [
        Query(highest(down), "{{node}}"),
        Query(f"{limit} and {_ever(down)}", "together {{node}}", "limit"),
    ]
    return counted(words, queries).no_value("Targets have no label node")


def restarts() -> timeseries.Panel:
    """Restarts within half an hour, by version."""
    words = Words(
        "Do engines restart?",
        "a line that stays: a crash loop. One bump of all versions is a roll or a node.",
        "read the end of the log of the previous container: out of memory and bad flags are the usual reasons.",
        ("LLMEngineRestarting",),
    )
    by = f"sum by (deployment, version) (max without (engine) ({restart_count('30m')}))"
    return counted(words, [Query(highest(by), "{{deployment}} {{version}}")])


def worst_replicas() -> table.Panel:
    """The twenty that fare worst."""
    words = Words(
        "Which replicas fare worst?",
        "red on top; many rows of one version or host: a common cause. A queue on one row only: routing.",
        "open the replica by its name. Twenty rows at most: first what does not serve, then the longest queues.",
        ("LLMEngineDown", "LLMEngineStalled", "LLMQueueGrowing"),
    )
    rank = _rank()
    worst = among_highest(rank, 20)

    def column(series: str, title: str, unit: str | None = None) -> Column:
        return Column(Query(f"max by ({ROW}) ({series}) and on ({ROW}) {worst}", title, unit=unit))

    columns = [
        Column(Query(worst, "State")),
        column(replica("llm_requests_running"), "Running"),
        column(replica("llm_requests_waiting"), "Waiting"),
        column(replica("llm:queue_pressure:mean_1m"), "Pressure", "short"),
        column(KV_USAGE, "KV cache p95", "percentunit"),
        column(replica("llm:time_to_first_token:p99_5m"), "TTFT p99", "s"),
        column(restart_count("1h"), "Restarts, 1 h"),
    ]
    labels = {"instance": "Replica", "deployment": "Deployment", "version": "Version"}
    table = grid(words, columns, labels, "No replica")
    return in_words(narrow(by_column(table, "State", falling=True), Replica=170), "State", STATES)


def _ever(down: str) -> str:
    """Where something was down at any time shown: a limit for what never failed is only in the way."""
    return f"max_over_time(({down})[$__range:1m] @ end()) > 0"


def _rank() -> str:
    """What does not serve by its state, from 1 on; what serves by its queue, else its cache, between 0 and 1."""
    queue, cache = replica("llm:queue_pressure:mean_1m"), replica("llm:kv_cache_usage:mean_1m")
    parts = {
        "down": f"4 * ({replica('llm_engine_up')} == bool 0)",
        "stalled": f"3 * {replica('llm_engine_stalled')}",
        "cold": f"2 * ({replica('llm_replica_warm')} == bool 0)",
        "unready": f"{replica('llm_replica_ready')} == bool 0",
        "queue": f"{queue} / (1 + {queue})",
        "cache": f"{cache} / 1000",
    }
    each_part = " or ".join(f'label_replace({expr}, "part", "{part}", "", "")' for part, expr in parts.items())
    return f"max by ({ROW}) ({each_part})"
