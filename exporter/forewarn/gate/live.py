"""Both tracks' counts, slice by slice of one window, from a Prometheus that scrapes the sidecars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn.gate.statistics import Count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forewarn.prometheus_api import Prometheus

_SLO = ("sum(increase(llm_slo_violations_total{%sli}[%w]))", "sum(increase(llm_slo_requests_total{%sli}[%w]))")
_FINISHED = "sum(increase(llm_requests_finished_total{%m}[%w]))"
# Replica by replica the exact count wins, as in the pack's `llm:outcome_empty:count_30m`.
_EMPTY = (
    'sum(increase(llm_requests_empty_total{%m,method="exact"}[%w]) '
    'or ignoring (method) increase(llm_requests_empty_total{%m,method="estimated"}[%w]))'
)
_CASES = 'sum(increase(llm_quality_cases_total{%m,outcome!="error"}[%w]))'
QUERIES: dict[str, tuple[str, str]] = {
    "ttft": (_SLO[0].replace("%sli", '%m,sli="ttft"'), _SLO[1].replace("%sli", '%m,sli="ttft"')),
    "tpot": (_SLO[0].replace("%sli", '%m,sli="tpot"'), _SLO[1].replace("%sli", '%m,sli="tpot"')),
    "error": (
        f'sum(increase(llm_requests_finished_total{{%m,reason="error"}}[%w])) or 0 * {_FINISHED}',
        _FINISHED,
    ),
    "empty": (_EMPTY, _FINISHED),
    "quality": (
        f'sum(increase(llm_quality_cases_total{{%m,outcome=~"failed|empty"}}[%w])) or 0 * {_CASES}',
        _CASES,
    ),
}
"""Guardrail → what was bad, of what. `%m` are a track's matchers, `%w` is a slice."""
COST_QUERY = (
    "avg_over_time(sum(llm_replica_cost_usd_per_hour{%m})[%w:]) / "
    "((sum(rate(llm_prompt_tokens_total{%m}[%w])) + sum(rate(llm_generation_tokens_total{%m}[%w]))) * 3600 > 0) * 1e6"
)
LOAD_QUERY = "sum(rate(llm_requests_finished_total{%m}[%w])) / count(llm_replica_ready{%m})"
LIKE_LOAD = 0.25
"""Tracks whose replicas carry loads further apart than this do not compare in cost: an idle replica is always dear."""


@dataclass(frozen=True, slots=True)
class Window:
    """When to look: `slices` of `seconds` each, the last one ending at `end` (unix seconds)."""

    end: float
    seconds: float
    slices: int

    @property
    def ends(self) -> list[float]:
        """The end of each slice."""
        return [self.end - self.seconds * back for back in reversed(range(self.slices))]


def counts(prometheus: Prometheus, name: str, matchers: str, window: Window) -> list[Count]:
    """Bad and all requests of each slice; slices that a track does not know are empty."""
    bad, all_ = (_values(prometheus, query, matchers, window) for query in QUERIES[name])
    return [
        Count(0.0, 0.0) if every is None or wrong is None else Count(max(0.0, min(wrong, every)), every)
        for wrong, every in zip(bad, all_, strict=True)
    ]


def cost(prometheus: Prometheus, matchers: Sequence[str], window: Window) -> tuple[list[float], list[float], str]:
    """USD per million tokens of each slice of both tracks, 0 where unknown; and why they do not compare, or ""."""
    loads = [_mean(_values(prometheus, LOAD_QUERY, each, window)) for each in matchers]
    canary, stable = ([value or 0.0 for value in _values(prometheus, COST_QUERY, each, window)] for each in matchers)
    if not all(loads):
        return canary, stable, "the load of a replica is unknown on one of the tracks: their costs do not compare"
    ratio = loads[0] / loads[1]
    if abs(math.log(ratio)) > math.log1p(LIKE_LOAD):
        return (
            canary,
            stable,
            f"a canary's replica carries {ratio:.2f} × a stable one's load: their costs do not compare",
        )
    return canary, stable, ""


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


def _values(prometheus: Prometheus, form: str, matchers: str, window: Window) -> list[float | None]:
    """The query's value at the end of each slice, None where it has none."""
    query = form.replace("%m", matchers).replace("%w", f"{window.seconds:.0f}s")
    ends = window.ends
    found = prometheus.range(query, ends[0], ends[-1], window.seconds)
    points = {round(at): value for series in found for at, value in series.points if math.isfinite(value)}
    return [points.get(round(end)) for end in ends]
