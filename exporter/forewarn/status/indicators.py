"""The indicators of the status page, in the order in which they move when a bad day comes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.sampling.quantile import gained, quantile
from forewarn.sampling.rank import QUEUE_PRESSURE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from forewarn.sampling.rank import RankSampler
    from forewarn.snapshot import Histogram

NEAR = 0.8
"""Share of an objective from which an indicator is near it."""
MINUTE = 60.0
"""Seconds over which rates and quantiles on the page are taken."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Counts of one rank at one moment, to take differences from."""

    time: float
    counters: Mapping[str, float]
    histograms: Mapping[str, Histogram]


@dataclass(frozen=True, slots=True)
class Window:
    """What an indicator is computed from: a rank now, and its counts about a minute ago."""

    rank: RankSampler
    now: float
    present: Mark
    past: Mark | None

    def gained(self, signal: str) -> Histogram | None:
        """What a histogram gained over the window."""
        now = self.present.histograms.get(signal)
        return gained(now, self.past.histograms.get(signal)) if now and self.past else None

    def increase(self, name: str) -> float | None:
        """What a counter gained over the window."""
        now = self.present.counters.get(name)
        before = self.past.counters.get(name) if self.past else None
        return None if now is None or before is None else max(0.0, now - before)


@dataclass(frozen=True, slots=True)
class Indicator:
    """One card. `objective` is a settings path, "" for none, or a fixed bound; `signal` tells why it may be missing."""

    id: str
    title: str
    unit: str
    signal: str
    series: str
    alert: str
    objective: str | float
    value: Callable[[Window], float | None]
    meaning: str
    first_step: str
    leading: bool = True


def _p99(signal: str) -> Callable[[Window], float | None]:
    def value(window: Window) -> float | None:
        histogram = window.gained(signal)
        worst = math.nan if histogram is None else quantile(histogram, 0.99)
        return None if math.isnan(worst) else worst

    return value


def _mean(signal: str) -> Callable[[Window], float | None]:
    def value(window: Window) -> float | None:
        histogram = window.gained(signal)
        return None if histogram is None else histogram.total / histogram.count

    return value


def _peak(name: str) -> Callable[[Window], float | None]:
    return lambda window: window.rank.peaks[name].value(window.now)


def _rate(name: str) -> Callable[[Window], float | None]:
    def value(window: Window) -> float | None:
        increase = window.increase(name)
        return None if increase is None or window.past is None else increase / (window.present.time - window.past.time)

    return value


def _share(part: str, whole: str) -> Callable[[Window], float | None]:
    def value(window: Window) -> float | None:
        some, all_ = window.increase(part), window.increase(whole)
        return None if some is None or not all_ else some / all_

    return value


INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        "queue_pressure", "Queue pressure", "ratio", s.WAITING, "llm_queue_pressure_peak_ratio", "LLMQueueGrowing",
        "objectives.queue_pressure_ratio", _peak(QUEUE_PRESSURE),
        "Requests waiting for each one running, worst of the last minute. Past the objective the queue grows without bound.",
        "Add a replica or shed low-priority load now; latency follows the queue.",
    ),
    Indicator(
        "waiting", "Waiting requests", "requests", s.WAITING, "llm_requests_waiting", "LLMQueueGrowing",
        "", lambda window: window.rank.gauges.get(s.WAITING),
        "Requests in the queue right now.",
        "If it only rises, demand is past capacity: scale out.",
    ),
    Indicator(
        "kv_cache_usage", "KV-cache usage", "percent", s.KV_USAGE, "llm_kv_cache_usage_peak_ratio", "LLMKVCacheHigh",
        "objectives.kv_cache_usage_ratio", _peak(s.KV_USAGE),
        "Share of KV-cache blocks in use, worst of the last minute. Near 100 % running requests are evicted.",
        "Shorten output or context limits, or move long requests to another replica.",
    ),
    Indicator(
        "preemptions", "Preemptions", "per_second", s.PREEMPTIONS, "llm_preemptions_total", "LLMPreemptionsSustained",
        0.0, _rate(s.PREEMPTIONS),
        "Requests evicted from the batch and run again, per second over the last minute.",
        "Memory pressure already bites: lower concurrency (--max-num-seqs) or add a replica.",
    ),
    Indicator(
        "queue_time", "Mean queue time", "seconds", s.QUEUE_TIME, "llm_queue_time_seconds", "LLMQueueTimeHigh",
        "objectives.queue_time_seconds", _mean(s.QUEUE_TIME),
        "Mean wait before a request runs, over the last minute.",
        "Find what holds the batch: long prompts, a full KV cache, too few replicas.",
    ),
    Indicator(
        "ttft_p99", "TTFT p99", "seconds", s.TTFT, "llm_time_to_first_token_seconds", "LLMTTFTBudgetBurn",
        "objectives.ttft_seconds", _p99(s.TTFT),
        "Time to first token of the slowest 1 % over the last minute. The tail moves before the median.",
        "Look at the queue first; with no queue, at prompt length and prefix-cache hits.",
    ),
    Indicator(
        "tpot_p99", "TPOT p99", "seconds", s.TPOT, "llm_time_per_output_token_seconds", "LLMTPOTBudgetBurn",
        "objectives.tpot_seconds", _p99(s.TPOT),
        "Time per output token of the slowest 1 % over the last minute.",
        "Batch too large or prefill interrupts decode: lower concurrency, check chunked prefill.",
    ),
    Indicator(
        "empty_outputs", "Empty outputs", "percent", s.EMPTY, "llm_requests_empty_total", "LLMEmptyOutputsAboveBaseline",
        "", _share(s.EMPTY, "finished"),
        "Share of finished requests without text over the last minute; often the first sign of a bad deploy.",
        "Compare with the time of the last deploy; roll back if it began there.",
    ),
    Indicator(
        "errors", "Errors", "percent", s.FINISHED, "llm_requests_finished_total", "LLMErrorsAboveBaseline",
        "", _share("errors", "finished"),
        "Share of requests that the engine ended with an error over the last minute.",
        "Read the engine's log; restart the replica if it does not recover.",
        leading=False,
    ),
)  # fmt: skip


def mark(rank: RankSampler, now: float) -> Mark:
    """The counts of a rank at this moment."""
    shown = {name: rank.exported(name) for name in (*rank.counters, s.EMPTY)}
    counters = {name: sum(counts.values()) for name, counts in shown.items() if counts}
    if reasons := rank.exported(s.FINISHED):
        counters["finished"] = sum(reasons.values())
        counters["errors"] = reasons.get("error", 0.0)
    histograms = {n: h.value for n, h in rank.histograms.items() if n in rank.present and h.value is not None}
    return Mark(now, counters, histograms)


def state(value: float | None, objective: float | None) -> str:
    """ok, near, over or unknown. An objective of zero has no near."""
    if value is None:
        return "unknown"
    if objective is None or value < NEAR * objective or (objective == 0 and value == 0):
        return "ok"
    return "over" if value > objective else "near"
