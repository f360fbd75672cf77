"""The sidecar's memory: what successive polls said, ready to be read by collectors and the status page.

The poller writes, everything else reads, both under `lock`. The lock is held for microseconds by the poller and
never while the engine is being waited for.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from forewarn import signals as s
from forewarn.sampling.derived import derived_sources, shown_by_any
from forewarn.sampling.rank import SLIS, RankSampler, SamplerSettings, raw_counts
from forewarn.sampling.restart import RestartDetector
from forewarn.sampling.sli import on_edge
from forewarn.sampling.sources import PLUGIN
from forewarn.snapshot import RankKey, SignalSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forewarn.clock import Clock
    from forewarn.logs import Log
    from forewarn.snapshot import Snapshot

ProbeVerdict = Literal["alive", "failed", "unclear"]
EngineState = Literal["starting", "ok", "unreachable", "slow", "bad_page", "no_series"]

_STATE_OF_ERROR: dict[str, EngineState] = {
    "refused": "unreachable",
    "network": "unreachable",
    "timeout": "slow",
}
_MAX_EVENTS = 20
_MAX_LEFT = 16


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth a line: `time` in seconds since the epoch, `level` info, warning or error."""

    time: float
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Speed:
    """A kind of poll: fast (gauges alone) or full (the whole page), and the interval in seconds now in force."""

    name: Literal["fast", "full"]
    interval: float


class Monitor:
    """State of one engine as its sidecar knows it."""

    def __init__(self, settings: SamplerSettings, clock: Clock, log: Log) -> None:
        self.lock = threading.RLock()
        self.settings = settings
        self.clock = clock
        self.state: EngineState = "starting"
        self.detail = "no poll yet"
        self.since = clock.monotonic()
        self.up: bool | None = None
        self.version = ""
        self.start_time: float | None = None
        self.ranks: dict[RankKey, RankSampler] = {}
        self._left: dict[RankKey, RankSampler] = {}
        self.sources: Mapping[str, SignalSource] = {}
        self.available: dict[str, bool] = {}
        self.intervals: dict[str, float] = {}
        self.durations: dict[str, float] = {}
        self.results: Counter[str] = Counter({"success": 0})
        self.events: deque[Event] = deque(maxlen=_MAX_EVENTS)
        self.restarts = 0
        """Restarts of the engine's process seen so far."""
        self._log = log
        self._last_success: float | None = None
        self._first_success: float | None = None
        self._probe_failed: float | None = None
        self._restarts = RestartDetector()
        self._doubtful = False
        self._bound_sources: Mapping[str, SignalSource] | None = None
        self._shown: list[tuple[bool, frozenset[str], bool, bool]] = []
        self._served = False
        self._awaited: dict[str, bool] = {}

    def succeeded(self, snapshot: Snapshot, sources: Mapping[str, SignalSource], speed: Speed, took: float) -> bool:
        """Take a poll that worked, just now; `took` is its duration in seconds. Returns whether it shows a restart."""
        with self.lock:
            now = self.clock.monotonic()
            self.results["success"] += 1
            self.durations[speed.name] = took
            self._last_success = now
            self._first_success = now if self._first_success is None else self._first_success
            restarted = snapshot.full and self._take_counts(snapshot)
            for key, rank in snapshot.ranks.items():
                sampler = self._sampler(key)
                if snapshot.full:
                    sampler.see_counts(now, rank)
                sampler.see_gauges(
                    now,
                    speed.interval,
                    rank.gauges if snapshot.full else self._merged(key, rank.gauges),
                    doubtful=self._doubtful,
                )
            if snapshot.full:
                self._forget_vanished(snapshot)
                self._update_availability(sources)
                self._enter("ok" if snapshot.ranks else "no_series", "" if snapshot.ranks else _NO_SERIES)
            self.up = True
            return restarted

    def failed(self, kind: str, detail: str) -> None:
        """Take a poll that did not work: `kind` is FetchError's or PageError's word."""
        with self.lock:
            self.results[kind] += 1
            self._restarts.missed()
            self.up = False
            self._enter(_STATE_OF_ERROR.get(kind, "bad_page"), detail)

    def set_intervals(self, intervals: Mapping[str, float]) -> None:
        """Take the polling intervals in force, in seconds by speed."""
        with self.lock:
            self.intervals = dict(intervals)

    def set_version(self, version: str) -> None:
        """Take the engine's version, "" when it does not tell."""
        with self.lock:
            self.version = version

    def note(self, level: str, text: str) -> None:
        """Log a line and keep it for the status page."""
        with self.lock:
            self.events.append(Event(self.clock.wall(), level, text))
        self._log.write(level, text)

    def sample_age(self) -> float | None:
        """Seconds since the last poll that worked, None before one did."""
        return None if self._last_success is None else max(0.0, self.clock.monotonic() - self._last_success)

    def fresh(self) -> bool:
        """Whether values are young enough to be shown: the last poll worked, and not long ago."""
        age = self.sample_age()
        return bool(self.up) and age is not None and age <= self.settings.max_sample_age

    def probed(self, started: float, verdict: ProbeVerdict) -> None:
        """Take what a probe that began at `started` (monotonic) says of the engine's life."""
        with self.lock:
            if verdict == "alive":
                self._probe_failed = None
            elif verdict == "failed" and started >= (self._first_success or 0.0):  # not the process before
                self._probe_failed = started

    def stalled(self, sampler: RankSampler) -> bool:
        """Whether a rank has work, or a probe failed, and it does not advance."""
        return self.stalled_since(sampler) is not None

    def stalled_since(self, sampler: RankSampler) -> float | None:
        """Monotonic time since which a stalled rank has not advanced, None when it is not stalled."""
        if sampler.progress.stalled(self.clock.monotonic()):
            return sampler.progress.still_since()
        failed, last = self._probe_failed, sampler.progress.last
        return failed if failed is not None and (last is None or last < failed) else None

    def idle_for(self) -> float | None:
        """Seconds in which no rank was seen to advance; None while the engine's progress cannot be seen."""
        if not (self.fresh() and self.ranks) or self._first_success is None:
            return None
        seen = [rank.progress.last for rank in self.ranks.values() if rank.progress.last is not None]
        return self.clock.monotonic() - max([self._first_success, *seen])

    def wall_of(self, monotonic: float) -> float:
        """A monotonic time of this process as seconds since the epoch, by the wall clock of now."""
        return self.clock.wall() - (self.clock.monotonic() - monotonic)

    def exact(self, signal: str, key: RankKey | None = None) -> bool:
        """Whether a signal is exact rather than estimated; SLIs are judged on the histogram of `key`."""
        if signal.startswith("slo_"):
            sampler = self.ranks.get(key) if key else next(iter(self.ranks.values()), None)
            sli = signal.removeprefix("slo_")
            if sampler and sampler.slo[sli].source == PLUGIN:
                return True
            histogram = sampler.histograms[SLIS[sli]].value if sampler else None
            source = self.sources.get(SLIS[sli])
            return bool(histogram and source and source.exact and on_edge(histogram, self.settings.budgets[sli]))
        source = self.sources.get(signal)
        return source is not None and source.exact

    def _sampler(self, key: RankKey) -> RankSampler:
        if key not in self.ranks:
            left = self._left.pop(key, None)
            self.ranks[key] = RankSampler(self.settings) if left is None else left
        return self.ranks[key]

    def _merged(self, key: RankKey, gauges: Mapping[str, float]) -> Mapping[str, float]:
        """Fast gauges over the last full page's, for what only the full page shows (KV capacity)."""
        known = self.ranks[key].gauges if key in self.ranks else {}
        kept = {name: known[name] for name in (s.KV_CAPACITY,) if name in known}
        return {**kept, **gauges}

    def _take_counts(self, snapshot: Snapshot) -> bool:
        """Notice a restart before the counts of the new process are added; returns whether there was one."""
        self._doubtful = snapshot.multiprocess
        restarted = self._restarts.update(snapshot.start_time, partial(_raw_counts, snapshot))
        if restarted:
            for sampler in (*self.ranks.values(), *self._left.values()):
                sampler.restart()
            self.start_time = self.clock.wall()
            self.restarts += 1
            self._first_success = self.clock.monotonic()
            self._probe_failed = None
            self.note("warning", "engine restarted: its counters begin anew, exported ones go on")
        if snapshot.start_time is not None:
            self.start_time = snapshot.start_time
        if restarted or not self._served:
            busy = any(rank.gauges.get(s.RUNNING) for rank in snapshot.ranks.values())
            self._served = busy or any(any(own.values()) for own in _raw_counts(snapshot).values())
        return restarted

    def _forget_vanished(self, snapshot: Snapshot) -> None:
        """A rank or model that left the page takes its series along; an empty page leaves the names known.

        Its counts are kept for a while: should it come back, they must not begin anew.
        """
        for key in self.ranks.keys() - snapshot.ranks.keys():
            self.ranks[key].blank()
            if snapshot.ranks:
                self._left[key] = self.ranks.pop(key)
        while len(self._left) > _MAX_LEFT:
            del self._left[next(iter(self._left))]

    def _update_availability(self, sources: Mapping[str, SignalSource]) -> None:
        shown_now = [
            (self._served, r.present, r.totals[s.EMPTY].source is None, r.arrivals.value is None)
            for r in self.ranks.values()
        ]
        if sources is self._bound_sources and shown_now == self._shown:
            return
        self._bound_sources, self._shown = sources, shown_now
        ranks = self.ranks.values()
        sources = {**sources, **derived_sources(sources, ranks)}
        self.sources = sources
        for signal in s.SIGNALS:
            source = sources.get(signal.name, SignalSource("", reason="not looked for"))
            shown = bool(source.series) and (
                signal.name == s.START_TIME or shown_by_any(signal.name, self.ranks.values())
            )
            was = self.available.get(signal.name, self._awaited.pop(signal.name, None))
            if not (shown or self._served or signal.name in _ALWAYS_SHOWN):
                # V0 shows what requests leave behind only once there was one: too early to miss it.
                self.available.pop(signal.name, None)
                if was is not None:
                    self._awaited[signal.name] = was
                continue
            if was and not shown:
                why = "value is not a usable number" if source.series else source.reason
                self.note("warning", f"signal {signal.name} is gone: {why}")
            if was is False and shown:
                self.note("info", f"signal {signal.name} is back, from {source.series}")
            if shown or was is not None or not signal.optional:
                self.available[signal.name] = shown

    def _enter(self, state: EngineState, detail: str) -> None:
        """Change state with one log line, however long the state lasts."""
        if state == self.state:
            self.detail = detail
            return
        self.state, self.detail, self.since = state, detail, self.clock.monotonic()
        level = "info" if state == "ok" else "warning"
        self.note(level, f"engine {state}" + (f": {detail}" if detail else ""))


def _raw_counts(snapshot: Snapshot) -> dict[RankKey, dict[str, float]]:
    return {key: raw_counts(rank) for key, rank in snapshot.ranks.items()}


_NO_SERIES = "page has no series of the engine (is it run with --disable-log-stats?)"
_ALWAYS_SHOWN = frozenset({s.RUNNING, s.WAITING, s.KV_USAGE})
"""Signals that every engine shows from its first page on."""
