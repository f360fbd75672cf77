"""What one rank's statistics say, added to its series.

vLLM's classes are no stable interface. A field that is missing or no number spoils the series named beside it in
`SPOILS`, is said so in `forewarn_plugin_unreadable_total`, and costs nothing else.
"""

from __future__ import annotations

import contextlib
import math
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from forewarn.catalogue import queue_pressure
from forewarn.plugin.peak import Peak

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import Counter, Gauge, Histogram

    from forewarn.plugin.families import Families

_WAITING = ("requests_waiting_samples", "requests_waiting_peak")
_PRESSURE = ("queue_pressure_samples_ratio", "queue_pressure_peak_ratio")
_KV_USAGE = ("kv_cache_usage_samples_ratio", "kv_cache_usage_peak_ratio")
_FINISHED, _EMPTY = "requests_finished_total", "requests_empty_total"
_SLO = ("slo_requests_total", "slo_violations_total")
_STEPS = (*_WAITING, *_PRESSURE, *_KV_USAGE)

SPOILS: Mapping[str, tuple[str, ...]] = {
    "num_waiting_reqs": (*_WAITING, *_PRESSURE),
    "num_skipped_waiting_reqs": (*_WAITING, *_PRESSURE),
    "num_running_reqs": _PRESSURE,
    "kv_cache_usage": _KV_USAGE,
    "num_preempted_reqs": ("preemptions_total",),
    "finished_requests": (_FINISHED, _EMPTY, *_SLO),
    "finish_reason": (_FINISHED, _EMPTY),
    "num_generation_tokens": (_EMPTY, *_SLO),
    "max_tokens_param": (_EMPTY,),
    "e2e_latency": _SLO,
    "mean_time_per_output_token": _SLO,
    "time_to_first_tokens_iter": _SLO,
    "record": (*_STEPS, "preemptions_total", _FINISHED, _EMPTY, *_SLO),
}
"""Field of vLLM's statistics → the series that are wrong without it; `record` stands for anything unforeseen."""

REASONS = ("stop", "length", "abort", "error", "repetition")
OTHER = "other"
"""The reason of a request that ended for one this release of the plugin does not know: labels stay bounded."""
UNREADABLE = ""

_STEP = attrgetter("num_waiting_reqs", "num_skipped_waiting_reqs", "num_running_reqs", "kv_cache_usage")
_ENDED = attrgetter("num_generation_tokens", "e2e_latency", "mean_time_per_output_token")


class RankCounter:
    """The series of one rank."""

    def __init__(self, families: Families, labels: tuple[str, str], budgets: Mapping[str, float]) -> None:
        self._families = families
        self._labels = labels
        self._budgets = budgets
        self._sampled: dict[str, tuple[Histogram, Gauge, Peak]] = {
            histogram: (families.histograms[histogram].labels(*labels), families.gauges[peak].labels(*labels), Peak())
            for histogram, peak in (_WAITING, _PRESSURE, _KV_USAGE)
        }
        self._preemptions = families.counters["preemptions_total"].labels(*labels)
        self._empty = families.counters[_EMPTY].labels(*labels)
        self._reasons: dict[str, Counter] = {}
        self._slo: dict[str, tuple[Counter, ...]] = {}
        for sli, budget in budgets.items():
            families.gauges[f"objective_{sli}_seconds"].labels(*labels).set(budget)
            self._slo[sli] = tuple(families.counters[name].labels(*labels, sli) for name in _SLO)

    def step(self, now: float, stats: object) -> None:
        """Take the scheduler's statistics of one engine step, at `now` (monotonic seconds)."""
        waiting, running, usage = self._step(stats)
        if waiting is not None:
            self._sample(now, _WAITING[0], waiting)
            if running is not None:
                self._sample(now, _PRESSURE[0], queue_pressure(waiting, running))
        if usage is not None:
            self._sample(now, _KV_USAGE[0], usage)

    def outputs(self, stats: object) -> None:
        """Take the front end's statistics of the outputs of one step."""
        preempted = self._count(stats, "num_preempted_reqs")
        if preempted:
            self._preemptions.inc(preempted)
        first = self._list(stats, "time_to_first_tokens_iter")
        if first:
            self._judge("ttft", self._finite(first, "time_to_first_tokens_iter"))
        finished = self._list(stats, "finished_requests")
        if finished:
            self._finished(finished)

    def fade(self, now: float) -> None:
        """Let peaks that are over go, at `now` (monotonic seconds): an idle engine makes no step that would."""
        for _, gauge, peak in self._sampled.values():
            gauge.set(peak.at(now))

    def unreadable(self, field: str) -> None:
        """Count a field that could not be read."""
        for series in SPOILS[field]:
            self._families.counters["unreadable_total"].labels(*self._labels, field, series).inc()

    def _sample(self, now: float, name: str, value: float) -> None:
        histogram, gauge, peak = self._sampled[name]
        histogram.observe(value)
        before, after = peak.largest, peak.add(now, value)
        if after != before:
            gauge.set(after)

    def _step(self, stats: object) -> tuple[float | None, float | None, float | None]:
        """Waiting, running and KV use of a step; those for something else than capacity wait as well (0.20.0 on)."""
        # All fields at once are the rule, and a third of the time.
        with contextlib.suppress(Exception):
            waiting, deferred, running, usage = _STEP(stats)
            if (
                0 <= waiting < math.inf
                and 0 <= deferred < math.inf
                and 0 <= running < math.inf
                and 0 <= usage < math.inf
            ):
                return waiting + deferred, running, usage
        some, more = self._count(stats, "num_waiting_reqs"), self._count(stats, "num_skipped_waiting_reqs", 0)
        together = None if some is None or more is None else some + more
        return together, self._count(stats, "num_running_reqs"), self._count(stats, "kv_cache_usage")

    def _ended(self, request: object) -> tuple[float | None, float | None, float | None]:
        """Tokens, duration and time per output token of a finished request; none of the last without a second token."""
        with contextlib.suppress(Exception):
            tokens, whole, each = _ENDED(request)
            if 1 < tokens < math.inf and -math.inf < whole < math.inf and -math.inf < each < math.inf:
                return tokens, whole, each
        count, duration = self._count(request, "num_generation_tokens"), self._number(request, "e2e_latency")
        # vLLM says 0 where there is no second token; such a request has no time per output token.
        several = count is not None and count > 1
        return count, duration, self._number(request, "mean_time_per_output_token") if several else None

    def _finished(self, requests: list[Any]) -> None:
        whole, per_token, reasons = [], [], list[str]()
        for request in requests:
            reason, (tokens, duration, each) = self._reason(request), self._ended(request)
            reasons.append(reason)
            whole.append(duration)
            per_token.append(each)
            if reason == "stop" and tokens is not None and tokens <= 1:
                self._count_empty(request)
        for reason in set(reasons) - {UNREADABLE}:
            self._reasons[reason].inc(reasons.count(reason))
        self._judge("e2e", [value for value in whole if value is not None])
        self._judge("tpot", [value for value in per_token if value is not None])

    def _reason(self, request: Any) -> str:  # noqa: ANN401  vLLM's class
        """The reason as text, with a counter of its own; UNREADABLE (and said so) when there is none."""
        try:
            reason = str(request.finish_reason)
            if reason not in self._reasons:
                reason = self._known(reason)
        except Exception:  # noqa: BLE001  whatever a foreign class raises
            self.unreadable("finish_reason")
            return UNREADABLE
        return reason

    def _known(self, reason: str) -> str:
        """The label of a reason that has no counter yet."""
        label = reason.lower() if reason.lower() in REASONS else OTHER
        if label not in self._reasons:
            self._reasons[label] = self._families.counters[_FINISHED].labels(*self._labels, label)
        return label

    def _count_empty(self, request: object) -> None:
        """Take a request that stopped by itself after one token at most."""
        try:
            asked = request.max_tokens_param  # type: ignore[attr-defined]  # vLLM's class
            # vLLM gives every request for text a limit; one without it is a pooling request, which has no tokens.
            if asked is not None and asked > 1:
                self._empty.inc()
        except Exception:  # noqa: BLE001  whatever a foreign class raises
            self.unreadable("max_tokens_param")

    def _judge(self, sli: str, seconds: list[float]) -> None:
        budget = self._budgets.get(sli)
        if budget is None or not seconds:
            return
        requests, violations = self._slo[sli]
        requests.inc(len(seconds))
        if over := len([value for value in seconds if value > budget]):
            violations.inc(over)

    def _finite(self, values: list[Any], field: str) -> list[float]:
        """Those of a field's values that measure something; said so when some do not."""
        try:
            finite = [float(value) for value in values if -math.inf < value < math.inf]
        except Exception:  # noqa: BLE001  whatever a foreign class raises
            finite = []
        if len(finite) < len(values):
            self.unreadable(field)
        return finite

    def _count(self, stats: object, field: str, without: float = math.nan) -> float | None:
        """A field that is never below 0, None (and said so) when it is or cannot be read; see `_number`."""
        value = self._number(stats, field, without)
        if value is not None and value < 0:
            self.unreadable(field)
            return None
        return value

    def _number(self, stats: object, field: str, without: float = math.nan) -> float | None:
        """A finite field, None (and said so) when it is not. `without` is what a class without the field means."""
        try:
            value = float(getattr(stats, field, without))
        except Exception:  # noqa: BLE001  whatever a foreign class raises
            value = math.nan
        if -math.inf < value < math.inf:
            return value
        self.unreadable(field)
        return None

    def _list(self, stats: object, field: str) -> list[Any]:
        try:
            return list(getattr(stats, field))
        except Exception:  # noqa: BLE001  whatever a foreign class raises
            self.unreadable(field)
            return []
