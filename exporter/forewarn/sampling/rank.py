"""All samplers of one rank, fed by successive polls."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from forewarn import catalogue
from forewarn import signals as s
from forewarn.catalogue import queue_pressure
from forewarn.sampling import empty, sli
from forewarn.sampling.arrivals import Arrivals
from forewarn.sampling.counter import MonotoneCounter, MonotoneHistogram
from forewarn.sampling.peak import SlidingMax
from forewarn.sampling.progress import Progress
from forewarn.sampling.samples import SampleHistogram, SampleWeight
from forewarn.sampling.sources import PAGE, PLUGIN, Total

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forewarn.snapshot import Histogram, RankSnapshot

Key = TypeVar("Key")

QUEUE_PRESSURE = "queue_pressure"

SAMPLE_BOUNDS: dict[str, tuple[float, ...]] = {
    s.WAITING: catalogue.WAITING_BOUNDS,
    s.KV_USAGE: catalogue.KV_USAGE_BOUNDS,
    QUEUE_PRESSURE: catalogue.PRESSURE_BOUNDS,
}

STEPS: dict[str, tuple[str, str]] = {
    s.WAITING: (s.STEP_WAITING, s.PEAK_WAITING),
    s.KV_USAGE: (s.STEP_KV_USAGE, s.PEAK_KV_USAGE),
    QUEUE_PRESSURE: (s.STEP_PRESSURE, s.PEAK_PRESSURE),
}
"""What is sampled → the plugin's samples of it, one a step, and its peak."""

MAX_REASONS = 64
"""Values of a label that a counter is split by, over the sidecar's life."""

JUDGED, OVER = "judged", "over"

SLIS: dict[str, str] = {"ttft": s.TTFT, "tpot": s.TPOT, "e2e": s.E2E}
"""SLI label → the signal whose histogram it is judged on."""


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """What samplers are told by the configuration; times in seconds, budgets by SLI."""

    peak_window: float
    stall_after: float
    max_sample_age: float
    budgets: Mapping[str, float]


_RARE = frozenset({s.PREEMPTIONS, s.CORRUPTED, s.REJECTED, s.GENERATION_LENGTH, s.MAX_TOKENS_ASKED})


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
        self.totals: dict[str, Total[str]] = {name: Total() for name in s.EXACT}
        self.slo: dict[str, Total[str]] = {name: Total() for name in settings.budgets}
        self.arrivals = Arrivals()
        self.progress = Progress(settings.stall_after)
        self.present: frozenset[str] = frozenset()
        self._weight = SampleWeight(settings.max_sample_age)
        self._steps: dict[str, Total[float | None]] = {name: Total() for name in STEPS}
        self._step_counts: dict[str, float | None] = {}

    def blank(self) -> None:
        """The engine's page shows nothing of this rank at present."""
        self.gauges = {}
        self.present = frozenset()
        for total in self._all_totals():
            total.update({})
        self.progress.rest()

    def restart(self) -> None:
        """The engine's process is a new one: raw counts begin anew, exported ones go on."""
        for counter in self._all_counters():
            counter.restart()
        for histogram in self.histograms.values():
            histogram.restart()
        for total in self._all_totals():
            total.restart()
        self.arrivals.restart()
        self.progress.restart()

    def see_gauges(self, now: float, interval: float, gauges: Mapping[str, float], *, doubtful: bool) -> None:
        """Take the gauges of a poll at `now` (monotonic seconds); `interval` is the polling interval in force.

        Of a full poll they come after its counts: where the plugin counts every step, a poll is no sample.

        `doubtful` gauges may be stuck above zero with nothing running, so that running requests alone are no
        sign of work there.
        """
        self.gauges = gauges
        weight = self._weight.take(now, interval)
        for name, value in self.sampled():
            self.peaks[name].add(now, value)
            if weight and self._steps[name].source != PLUGIN:
                self.samples[name].observe(value, weight)
        running, waiting = gauges.get(s.RUNNING, 0.0), gauges.get(s.WAITING, 0.0)
        self.progress.work(now, present=waiting > 0 or (running > 0 and not doubtful))

    def see_counts(self, now: float, snapshot: RankSnapshot) -> None:
        """Take the counters and histograms of a full poll at `now` (monotonic seconds)."""
        self.present = _present(snapshot)
        self.progress.counts(now, _movement(snapshot))
        for name, raw in snapshot.counters.items():
            self.counters[name].update(raw)
        for name, by_reason in snapshot.split.items():
            known = self.split[name]
            for reason, raw in by_reason.items():
                # Reasons are exported for ever: an engine that makes up new ones does not fill the memory.
                if reason in known or len(known) < MAX_REASONS:
                    known[reason].update(raw)
        for name, histogram in snapshot.histograms.items():
            self.histograms[name].update(histogram)
        self._derive(snapshot.gauges)
        self._choose(snapshot)
        self._take_steps(now, snapshot)
        if counted := {name for name, exact in s.EXACT.items() if exact in self.present}:
            self.present |= counted

    def _derive(self, gauges: Mapping[str, float]) -> None:
        for name, violations in self.violations.items():
            histogram = self._current(SLIS[name])
            if histogram is not None:
                violations.update(histogram)
        if self._short_told():
            short, tiny = self.counters[s.GENERATION_LENGTH].value, self.counters[s.MAX_TOKENS_ASKED].value
            stopped = self.split[s.FINISHED]["stop"].value if "stop" in self.split[s.FINISHED] else 0.0
            self.empty.update(empty.estimate(short, tiny, stopped))
        ttft = self._current(s.TTFT)
        if ttft is not None and {s.WAITING, s.RUNNING} <= gauges.keys():
            self.arrivals.update(ttft.count, gauges[s.WAITING], gauges[s.RUNNING])

    def _short_told(self) -> bool:
        """Whether the page shows what empty outputs are estimated from."""
        return {s.GENERATION_LENGTH, s.MAX_TOKENS_ASKED, s.FINISHED} <= self.present

    def _choose(self, snapshot: RankSnapshot) -> None:
        """Let what the plugin counts as well be counted by the better of the two."""
        derived = {"": self.empty.value} if self._short_told() and self.empty.value is not None else None
        for name, exact in s.EXACT.items():
            own = derived if name == s.EMPTY else self._counts(name)
            self.totals[name].update(_shown(self._counts(exact), own))
        for name, total in self.slo.items():
            total.update(_shown(self._judged_by_plugin(name, snapshot), self._judged(name)))

    def _counts(self, signal: str) -> Mapping[str, float] | None:
        """The counts of a signal by reason ("" without one), None when it is not on the page."""
        if signal not in self.present:
            return None
        if signal in self.counters:
            return {"": self.counters[signal].value}
        return {reason: counter.value for reason, counter in self.split[signal].items()}

    def _judged(self, name: str) -> Mapping[str, float] | None:
        histogram, over = self._current(SLIS[name]), self.violations[name].value
        return None if histogram is None or over is None else {JUDGED: histogram.count, OVER: over}

    def _judged_by_plugin(self, name: str, snapshot: RankSnapshot) -> Mapping[str, float] | None:
        """The plugin's counts, None without them or when they are taken at another budget than ours."""
        if snapshot.gauges.get(s.BUDGETS[name]) != self._settings.budgets[name]:
            return None
        judged, over = snapshot.split.get(s.EXACT_JUDGED, {}), snapshot.split.get(s.EXACT_VIOLATIONS, {})
        if name not in judged or name not in over:
            return None
        return {JUDGED: self.split[s.EXACT_JUDGED][name].value, OVER: self.split[s.EXACT_VIOLATIONS][name].value}

    def _take_steps(self, now: float, snapshot: RankSnapshot) -> None:
        """Add the plugin's samples, where they lie under the same bounds as ours, and its peaks if there was a step."""
        for name, (steps, peak) in STEPS.items():
            if steps not in self.present and self._steps[name].source == PAGE:
                continue
            samples, histogram = self.samples[name], self._current(steps)
            usable = histogram if histogram is not None and histogram.bounds == samples.bounds else None
            total = self._steps[name]
            before = total.values()
            total.update(_shown(None if usable is None else _parts(usable), {}))
            after = total.values()
            if after.get(math.inf, 0.0) > before.get(math.inf, 0.0):
                gains = {part: count - before.get(part, 0.0) for part, count in after.items()}
                samples.add([gains[bound] for bound in samples.bounds], gains[None])
            # A peak without a step since the last page is an old one.
            count = None if usable is None else usable.count
            last, self._step_counts[name] = self._step_counts.get(name), count
            if count is not None and last is not None and count > last and peak in snapshot.gauges:
                self.peaks[name].add(now, snapshot.gauges[peak])

    def exported(self, signal: str) -> Mapping[str, float]:
        """What to export of a counter, by reason ("" without one); empty when the page does not show it."""
        if signal in self.totals:
            return self.totals[signal].values() if self.totals[signal].source else {}
        return self._counts(signal) or {}

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

    def _all_totals(self) -> Iterator[Total[str] | Total[float | None]]:
        yield from self.totals.values()
        yield from self.slo.values()
        yield from self._steps.values()

    def _all_counters(self) -> Iterator[MonotoneCounter]:
        yield from self.counters.values()
        for by_reason in self.split.values():
            yield from by_reason.values()


def _shown(plugin: Mapping[Key, float] | None, page: Mapping[Key, float] | None) -> dict[str, Mapping[Key, float]]:
    """The sources that are on the page, the better one first."""
    if plugin is None:
        return {} if page is None else {PAGE: page}
    return {PLUGIN: plugin} if page is None else {PLUGIN: plugin, PAGE: page}


def _parts(histogram: Histogram) -> dict[float | None, float]:
    """A histogram's cumulative counts by bound, and its sum under None."""
    return {**dict(zip(histogram.bounds, histogram.counts, strict=True)), None: histogram.total}


def _present(snapshot: RankSnapshot) -> frozenset[str]:
    """The signals of a rank's part of a page."""
    return frozenset((*snapshot.gauges, *snapshot.counters, *snapshot.split, *snapshot.histograms))


def _movement(snapshot: RankSnapshot) -> dict[str, float]:
    """The counts that move when an engine works."""
    counters, histograms = snapshot.counters, snapshot.histograms
    moved = {name: counters[name] for name in (s.PROMPT_TOKENS, s.GENERATION_TOKENS, s.STEPS) if name in counters}
    for name in (s.TTFT, s.E2E):
        if name in histograms:
            moved[name] = histograms[name].counts[-1]
    return moved


def raw_counts(snapshot: RankSnapshot) -> dict[str, float]:
    """The raw counts of a snapshot by which a new process, which begins them at zero, is told from an old page.

    Counts of rare events are not among them: from 1 to 0 is a fall to less than half, and may be a moment.
    """
    counts = {name: raw for name, raw in snapshot.counters.items() if name not in _RARE}
    for name, by_reason in snapshot.split.items():
        if name not in _RARE:
            counts[name] = sum(by_reason.values())
    for name, histogram in snapshot.histograms.items():
        counts[name] = histogram.counts[-1]
    return counts
