"""All samplers of one rank, fed by successive polls."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn import catalogue
from forewarn import signals as s
from forewarn.catalogue import queue_pressure
from forewarn.sampling import empty, sli
from forewarn.sampling.arrivals import Arrivals
from forewarn.sampling.counter import MonotoneCounter, MonotoneHistogram
from forewarn.sampling.peak import SlidingMax
from forewarn.sampling.progress import Progress
from forewarn.sampling.samples import SampleHistogram, SampleWeight

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forewarn.snapshot import Histogram, RankSnapshot

QUEUE_PRESSURE = "queue_pressure"

SAMPLE_BOUNDS: dict[str, tuple[float, ...]] = {
    s.WAITING: catalogue.WAITING_BOUNDS,
    s.KV_USAGE: catalogue.KV_USAGE_BOUNDS,
    QUEUE_PRESSURE: catalogue.PRESSURE_BOUNDS,
}

SLIS: dict[str, str] = {"ttft": s.TTFT, "tpot": s.TPOT, "e2e": s.E2E}
"""SLI label → the signal whose histogram it is judged on."""


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """What samplers are told by the configuration; times in seconds, budgets by SLI."""

    peak_window: float
    stall_after: float
    max_sample_age: float
    budgets: Mapping[str, float]


class RankSampler:
    """State of one rank across polls. Not thread-safe: the monitor's lock covers it."""

    def __init__(self, settings: SamplerSettings) -> None:
        self._settings = settings
        self.gauges: Mapping[str, float] = {}
        self.peaks = {name: SlidingMax(settings.peak_window) for name in SAMPLE_BOUNDS}
        self.samples = {name: SampleHistogram(bounds) for name, bounds in SAMPLE_BOUNDS.items()}
        self.counters: dict[str, MonotoneCounter] = defaultdict(MonotoneCounter)
        self.split: dict[str, dict[str, MonotoneCounter]] = defaultdict(lambda: defaultdict(MonotoneCounter))
        self.histograms: dict[str, MonotoneHistogram] = defaultdict(MonotoneHistogram)
        self.violations = {name: sli.OverBudget(budget) for name, budget in settings.budgets.items()}
        self.empty = sli.Rising()
        self.arrivals = Arrivals()
        self.progress = Progress(settings.stall_after)
        self.present: frozenset[str] = frozenset()
        self._weight = SampleWeight(settings.max_sample_age)

    def blank(self) -> None:
        """The engine's page shows nothing of this rank at present."""
        self.gauges = {}
        self.present = frozenset()
        self.progress.rest()

    def restart(self) -> None:
        """The engine's process is a new one: raw counts begin anew, exported ones go on."""
        for counter in self._all_counters():
            counter.restart()
        for histogram in self.histograms.values():
            histogram.restart()
        self.arrivals.restart()
        self.progress.restart()

    def see_gauges(self, now: float, interval: float, gauges: Mapping[str, float], *, doubtful: bool) -> None:
        """Take the gauges of a poll at `now` (monotonic seconds); `interval` is the polling interval in force.

        `doubtful` gauges may be stuck above zero with nothing running, so that running requests alone are no
        sign of work there.
        """
        self.gauges = gauges
        weight = self._weight.take(now, interval)
        for name, value in self.sampled():
            self.peaks[name].add(now, value)
            if weight:
                self.samples[name].observe(value, weight)
        running, waiting = gauges.get(s.RUNNING, 0.0), gauges.get(s.WAITING, 0.0)
        self.progress.work(now, present=waiting > 0 or (running > 0 and not doubtful))

    def see_counts(self, now: float, snapshot: RankSnapshot) -> None:
        """Take the counters and histograms of a full poll at `now` (monotonic seconds)."""
        self.present = frozenset((*snapshot.gauges, *snapshot.counters, *snapshot.split, *snapshot.histograms))
        self.progress.counts(now, dict(_movement(snapshot)))
        for name, raw in snapshot.counters.items():
            self.counters[name].update(raw)
        for name, by_reason in snapshot.split.items():
            for reason, raw in by_reason.items():
                self.split[name][reason].update(raw)
        for name, histogram in snapshot.histograms.items():
            self.histograms[name].update(histogram)
        self._derive()

    def _derive(self) -> None:
        for name, violations in self.violations.items():
            histogram = self._current(SLIS[name])
            if histogram is not None:
                violations.update(histogram)
        lengths, asked = self._current(s.GENERATION_LENGTH), self._current(s.MAX_TOKENS_ASKED)
        if lengths is not None and asked is not None and s.FINISHED in self.present:
            stopped = self.split[s.FINISHED]["stop"].value if "stop" in self.split[s.FINISHED] else 0.0
            estimate = empty.estimate(lengths, asked, stopped)
            if estimate is not None:
                self.empty.update(estimate)
        ttft = self._current(s.TTFT)
        if ttft is not None and {s.WAITING, s.RUNNING} <= self.gauges.keys():
            self.arrivals.update(ttft.count, self.gauges[s.WAITING], self.gauges[s.RUNNING])

    def _current(self, signal: str) -> Histogram | None:
        return self.histograms[signal].value if signal in self.present else None

    def sampled(self) -> Iterator[tuple[str, float]]:
        """Names and present values of what is sampled, where the engine shows it."""
        gauges = self.gauges
        for name in (s.WAITING, s.KV_USAGE):
            if name in gauges:
                yield name, gauges[name]
        if s.WAITING in gauges and s.RUNNING in gauges:
            yield QUEUE_PRESSURE, queue_pressure(gauges[s.WAITING], gauges[s.RUNNING])

    def _all_counters(self) -> Iterator[MonotoneCounter]:
        yield from self.counters.values()
        for by_reason in self.split.values():
            yield from by_reason.values()


def _movement(snapshot: RankSnapshot) -> Iterator[tuple[str, float]]:
    """The counts that move when an engine works."""
    for name in (s.PROMPT_TOKENS, s.GENERATION_TOKENS):
        if name in snapshot.counters:
            yield name, snapshot.counters[name]
    for name in (s.STEPS, s.TTFT, s.E2E):
        if name in snapshot.histograms:
            yield name, snapshot.histograms[name].count


def raw_counts(snapshot: RankSnapshot) -> dict[str, float]:
    """Every raw count of a snapshot that a new process begins at zero."""
    counts = dict(snapshot.counters)
    for name, by_reason in snapshot.split.items():
        counts[name] = sum(by_reason.values())
    for name, histogram in snapshot.histograms.items():
        counts[name] = histogram.count
    return counts
