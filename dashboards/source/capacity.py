"""Capacity: what a review looks at. Nothing here warns in time, so none of it is on the on-call board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.source.board import Board, Cell, Section
from dashboards.source.panels import Column, Words, good, grid, numbers, series
from dashboards.source.queries import Query, deployment, mean, objective, replica, worst

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import stat, table, timeseries

BY = "deployment, model"
NAME = "{{deployment}} {{model}}"
ARRIVED = f"sum by ({BY}) (rate({replica('llm_requests_arrived_total')}[5m]))"
STAY = mean("llm_request_duration_seconds", "deployment", "model")
INSIDE = f"sum by ({BY}) ({replica('llm_requests_running')}) + sum by ({BY}) ({replica('llm_requests_waiting')})"
MOST = f"sum by ({BY}) ({replica('llm_max_running_requests')})"
PROVEN = f"{deployment('llm:replica_capacity:requests')} * {deployment('llm:replicas_ready:count')}"
USED = (("text", None), ("orange", 0.7), ("red", 0.9))


def _rate(name: str, by: str = BY) -> str:
    return f"sum by ({by}) (rate({replica(name)}[5m]))"


def _in_range(name: str) -> str:
    return f"sum(increase({replica(name)}[$__range]))"


def totals() -> stat.Panel:
    """What was served in the time shown."""
    words = Words(
        "How much was served?",
        "in the time shown. None is bad: these numbers rise with success and with retries alike. Compare with the same "
        "time before.",
        "use them for reviews and bills, never to judge whether users are well.",
        ("LLMSaturationForecast",),
    )
    return numbers(
        words,
        [
            Query(_in_range("llm_requests_finished_total"), "Requests"),
            Query(_in_range("llm_prompt_tokens_total"), "Prompt tokens"),
            Query(_in_range("llm_generation_tokens_total"), "Generated tokens"),
        ],
        "short",
    ).decimals(1)


def deployments() -> table.Panel:
    """Each deployment's load against its capacity."""
    words = Words(
        "Which deployment is closest to its capacity?",
        "load above 70 % of proven capacity in a quiet hour; above 90 % the next burst queues.",
        "add replicas before the peak that is due; the Fleet board says how many.",
        ("LLMSaturationForecast", "LLMCapacityBelowPeakNeed"),
    )
    arrived = deployment("llm:requests_arrived:rate5m")
    columns = (
        Column(Query(f"max by ({BY}) ({arrived})", "Arrivals", unit="reqps")),
        Column(Query(f"max by ({BY}) ({PROVEN})", "Proven capacity", unit="reqps")),
        Column(Query(f"max by ({BY}) ({arrived} / ({PROVEN} > 0))", "Load", unit="percentunit"), USED),
        Column(Query(f"max by ({BY}) ({deployment('llm:replicas_ready:count')})", "Replicas ready")),
        Column(Query(f"sum by ({BY}) ({replica('llm_replica_gpus')})", "GPUs")),
    )
    labels = {"deployment": "Deployment", "model": "Model"}
    return grid(words, columns, labels, "No deployment: no sidecar is scraped, or the variables exclude all")


def arrivals() -> timeseries.Panel:
    """λ, against what is proven."""
    words = Words(
        "λ: how many requests arrive each second?",
        "a peak that nears the dashed line: what all ready replicas together are proven to finish.",
        "plan for the peak, not the mean; compare with the week before, in grey.",
        ("LLMSaturationForecast", "LLMCapacityBelowPeakNeed"),
    )
    before = f"sum by ({BY}) (rate({replica('llm_requests_arrived_total')}[5m] offset 1w))"
    return series(
        words,
        [
            Query(ARRIVED, NAME),
            Query(before, f"a week before {NAME}", "faint"),
            Query(f"max by ({BY}) ({PROVEN})", f"proven capacity {NAME}", "limit"),
        ],
        "reqps",
    )


def stay() -> timeseries.Panel:
    """W."""
    words = Words(
        "W: how long does a request stay?",
        "W that rises with λ: the system is near its limit. W that rises alone: answers grew longer.",
        "each second of W is concurrency that must be paid for: cap output, or speed up decode.",
        ("LLMQueueTimeHigh",),
    )
    return series(words, [Query(STAY, NAME), objective("e2e_seconds")], "s")


def inside() -> timeseries.Panel:
    """L = λ·W."""
    words = Words(
        "λ·W: how many are inside, of how many?",
        "λ·W at the dashed line: all slots are taken, and what comes more waits. The measured count far above λ·W: "
        "requests pile up that have not finished yet.",
        "add replicas, or raise the sequence limit if the KV cache has room.",
        ("LLMQueueGrowing",),
    )
    return series(
        words,
        [
            Query(f"{ARRIVED} * {STAY}", f"λ·W {NAME}"),
            Query(INSIDE, f"measured {NAME}", "faint"),
            Query(MOST, f"fits {NAME}", "limit"),
        ],
        "short",
    )


def batch() -> timeseries.Panel:
    """How full the batches are."""
    words = Words(
        "How full are the batches?",
        "near 100 %: no room for a burst. Under 20 % all day: replicas, or slots, that nobody needs.",
        "size replicas so that the daily peak fills two thirds.",
        ("LLMIdleSpendHigh",),
    )
    running = f"sum by ({BY}) ({replica('llm_requests_running')})"
    return series(words, [Query(f"{running} / ({MOST} > 0)", NAME)], "percentunit").max(1)


def cache() -> timeseries.Panel:
    """Mean KV-cache use over the fleet."""
    words = Words(
        "How full are the KV caches on average?",
        "a daily mean above the dashed objective: memory, not compute, bounds this deployment.",
        "more memory for each replica, shorter contexts, or quantised KV.",
        ("LLMKVCacheHigh",),
    )
    used = f"avg by ({BY}) ({replica('llm:kv_cache_usage:mean_1m')})"
    return series(words, [Query(used, NAME), objective("kv_cache_usage_ratio")], "percentunit").max(1)


def tokens() -> timeseries.Panel:
    """Tokens a second."""
    words = Words(
        "How many tokens flow each second?",
        "flat while arrivals rise: saturated. Tokens alone say nothing about users.",
        "compare with λ; the tokens that one replica carries are what a new price or GPU is judged by.",
        ("LLMSaturationForecast",),
    )
    return series(
        words,
        [
            Query(_rate("llm_prompt_tokens_total"), f"prompt {NAME}"),
            Query(_rate("llm_generation_tokens_total"), f"generated {NAME}"),
            Query(_rate("llm_prompt_tokens_cached_total"), f"prompt, from cache {NAME}", "faint"),
        ],
        "short",
    )


def shape() -> timeseries.Panel:
    """Tokens a request."""
    words = Words(
        "How long are prompts and answers?",
        "a mean that drifts: capacity in requests per second, as proven so far, no longer holds.",
        "test the load again at the new lengths; set objectives.replica_requests_per_second.",
        ("LLMKVCacheHigh",),
    )
    finished = f"({_rate('llm_requests_finished_total')} > 0)"
    return series(
        words,
        [
            Query(f"{_rate('llm_prompt_tokens_total')} / {finished}", f"prompt {NAME}"),
            Query(f"{_rate('llm_generation_tokens_total')} / {finished}", f"answer {NAME}"),
        ],
        "short",
    )


def finished() -> timeseries.Panel:
    """Requests finished, by reason."""
    words = Words(
        "How many requests finish, and how?",
        "finished below arrived for long: a queue grows somewhere. Rejections: a queue limit is reached.",
        "add capacity; see the Replica board for errors and aborts.",
        ("LLMErrorsAboveBaseline",),
    )
    by = "deployment, reason"
    panel = series(
        words,
        [
            Query(_rate("llm_requests_finished_total", by), "{{deployment}} {{reason}}"),
            Query(_rate("llm_requests_rejected_total", by), "{{deployment}} rejected {{reason}}", "faint"),
        ],
        "reqps",
    )
    return good("stop", panel)


def balance() -> timeseries.Panel:
    """Load by replica."""
    words = Words(
        "Is the load spread evenly?",
        "lines that part: a router without a sense of load, or a slow replica that piles up requests.",
        "route by requests in flight; look at the replica that stands out.",
        ("LLMQueueGrowing",),
    )
    lowest = f"min by ({BY}) ({replica('llm_requests_running')})"
    busiest = worst(replica("llm_requests_running"))
    return series(
        words,
        [Query(busiest, "{{instance}} rank {{engine}}"), Query(lowest, f"least busy {NAME}", "faint")],
        "short",
    )


BOARD = Board(
    "forewarn-capacity",
    "forewarn / Capacity review",
    "Throughput, counts and Little's law, for reviews. These move after users do: look at On-call for warnings.",
    "24h",
    (
        Cell(totals, 6, 8),
        Cell(deployments, 18, 8),
        Section("Little's law: requests inside = arrivals a second x seconds each stays"),
        Cell(arrivals, 8, 8),
        Cell(stay, 8, 8),
        Cell(inside, 8, 8),
        Section("What the replicas are filled with"),
        Cell(batch, 8, 8),
        Cell(cache, 8, 8),
        Cell(balance, 8, 8),
        Section("Throughput"),
        Cell(tokens, 8, 8),
        Cell(finished, 8, 8),
        Cell(shape, 8, 8),
    ),
)
