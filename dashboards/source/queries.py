"""Queries of panels: what they select, and how their lines look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

REPLICA = 'deployment=~"$deployment",model=~"$model",version=~"$version",instance=~"$instance"'
DEPLOYMENT = 'deployment=~"$deployment",model=~"$model"'
SIDECAR = 'instance=~"$instance"'

Look = Literal["line", "limit", "faint"]
"""A series; an objective (dashed red); company for a series, such as a peak or a forecast (short grey dashes)."""


@dataclass(frozen=True, slots=True)
class Query:
    """One target of a panel."""

    expr: str
    legend: str
    look: Look = "line"
    unit: str | None = None
    """Where it differs from its panel's."""


def replica(series: str, *more: str) -> str:
    """A series of replicas, as the variables choose them."""
    return _selector(series, REPLICA, *more)


def deployment(series: str, *more: str) -> str:
    """A series of deployments; it has no version and no instance."""
    return _selector(series, DEPLOYMENT, *more)


def sidecar(series: str, *more: str) -> str:
    """A series about the sidecar itself; it has no deployment."""
    return _selector(series, SIDECAR, *more)


def restart_count(window: str) -> str:
    """Restarts of engines within `window`, one series a replica: how often their uptime fell, as the alert counts."""
    return f"resets((time() - {replica('llm_engine_start_time_seconds')})[{window}:15s])"


def of_chosen(expr: str) -> str:
    """An expression on series about the sidecar itself, kept to the replicas that the variables choose."""
    return f"{expr} and on (job, instance) {replica('llm_engine_up')}"


def mean(series: str, *by: str) -> str:
    """Mean of a histogram's observations, together over the replicas chosen."""
    total, count = (f"sum by ({', '.join(by)}) (rate({replica(series + part)}[5m]))" for part in ("_sum", "_count"))
    return f"{total} / ({count} > 0)"


def quantile(share: float, series: str, *by: str) -> str:
    """A quantile of a histogram, together over the replicas chosen."""
    buckets = f"rate({replica(series + '_bucket')}[5m])"
    return f"histogram_quantile({share}, sum by ({', '.join((*by, 'le'))}) ({buckets}))"


def worst(series: str, count: int = 4) -> str:
    """Those that were highest at any time shown, so that 200 replicas stay readable and lines do not come and go."""
    return f"{series} and topk({count}, max_over_time({series}[$__range] @ end()))"


def kv_usage(count: int) -> str:
    """KV-cache use of those with the most."""
    most = f"topk({count}, max_over_time({replica('llm:kv_cache_usage:p95_5m')}[$__range] @ end()))"
    return f"{KV_USAGE} and {most}"


def objective(name: str) -> Query:
    """The line that a signal should stay on one side of, one for each deployment."""
    return Query(f"max by (deployment) ({replica('llm_objective_' + name)})", "objective {{deployment}}", "limit")


def _selector(series: str, *matchers: str) -> str:
    return f"{series}{{{','.join(matchers)}}}"


KV_USAGE = f"(1 * {replica('llm:kv_cache_usage:p95_5m')} > 0.5 or 1 * {replica('llm:kv_cache_usage:mean_1m')})"
"""KV-cache use: its p95, and below the first bucket's bound of 50 % its mean.

In the first bucket, a quantile only says where it lies between 0 and 50 %: an idle cache would read 48 %. Times 1, so
that both are one series without a name.
"""
