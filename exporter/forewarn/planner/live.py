"""Inputs of a plan as a Prometheus knows them: from the pack's records, or else from the sidecars' series."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn.errors import ConfigError

if TYPE_CHECKING:
    from forewarn.prometheus_api import Prometheus

DAY_HOURS = 24.0
STEP = 300.0
"""Seconds between two points of the load's history."""

LOADS = ("sum(llm:requests_arrived:rate5m{%s})", "sum(rate(llm_requests_arrived_total{%s}[5m]))")

INSTANTS: dict[str, tuple[str, ...]] = {
    "replica_requests_per_second": (
        "max(llm:replica_capacity:requests{%s})",
        "max(llm_objective_replica_requests_per_second{%s})",
    ),
    "prompt_tokens": (
        "sum(increase(llm_prompt_tokens_total{%s}[1d])) / sum(increase(llm_requests_arrived_total{%s}[1d]))",
    ),
    "output_tokens": (
        "sum(increase(llm_generation_tokens_total{%s}[1d])) / sum(increase(llm_requests_arrived_total{%s}[1d]))",
    ),
    "spares": ("max(llm:spare_objective:replicas{%s})", "max(llm_objective_spare_replicas{%s})"),
    "deploy_headroom": ("max(llm:headroom_objective:replicas{%s})", "max(llm_objective_deploy_headroom_replicas{%s})"),
    "gpus_per_replica": ("max(llm_replica_gpus{%s})",),
    "usd_per_gpu_hour": ("avg(llm_replica_cost_usd_per_hour{%s}) / max(llm_replica_gpus{%s})",),
    "cold_start_seconds": ("max(llm_replica_cold_start_seconds{%s})",),
}
"""Input → queries, the first that has an answer wins. Each `%s` takes the matchers."""

WHOLE = ("spares", "deploy_headroom", "gpus_per_replica")


@dataclass(frozen=True, slots=True)
class Live:
    """Inputs that were found, and the query behind each."""

    values: dict[str, float]
    queries: dict[str, str]


def read(prometheus: Prometheus, matchers: str, history_hours: float, now: float, *, load: bool) -> Live:
    """Everything that can be had. With `load`, raises ConfigError when the load cannot: nothing else says how much."""
    values, queries = _load(prometheus, matchers, history_hours, now) if load else ({}, {})
    for name, candidates in INSTANTS.items():
        for form in candidates:
            query = form.replace("%s", matchers)
            value = _single(prometheus, query, now)
            if value is not None:
                values[name] = round(value) if name in WHOLE else value
                queries[name] = query
                break
    return Live(values, queries)


def _single(prometheus: Prometheus, query: str, now: float) -> float | None:
    found = prometheus.instant(query, now)
    if not found or not math.isfinite(found[0].points[0][1]):
        return None
    return found[0].points[0][1]


def _load(
    prometheus: Prometheus, matchers: str, history_hours: float, now: float
) -> tuple[dict[str, float], dict[str, str]]:
    """Mean and swing of the load over the history."""
    for form in LOADS:
        query = form % matchers
        found = prometheus.range(query, now - history_hours * 3600, now, STEP)
        rates = [value for series in found for _, value in series.points if math.isfinite(value)]
        if rates:
            return _mean_and_swing(rates, query)
    raise ConfigError(
        "--from-prometheus",
        f"expected series of a deployment with {matchers}, found none: {LOADS[1] % matchers} is empty",
    )


def _mean_and_swing(rates: list[float], query: str) -> tuple[dict[str, float], dict[str, str]]:
    hours = len(rates) * STEP / 3600
    if hours < DAY_HOURS:
        raise ConfigError(
            "--from-prometheus",
            f"expected at least {DAY_HOURS:g} h of history, found {hours:.1f} h; "
            "give --average-load and --swing instead",
        )
    mean = sum(rates) / len(rates)
    if mean <= 0:
        raise ConfigError("--from-prometheus", f"expected requests within the history, found none: {query} is 0")
    return {"average_load": mean, "swing": max(rates) / mean}, {
        "average_load": query,
        "swing": f"max over mean of {query}",
    }
