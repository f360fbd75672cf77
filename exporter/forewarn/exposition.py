"""The page: every collector run in isolation into one registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from forewarn import signals as s
from forewarn.collectors import engine, kv_cache, latency, objectives, probes, queue, replica, requests, sidecar
from forewarn.collectors.base import Families, View, polled, polled_with_peaks
from forewarn.sampling.rank import QUEUE_PRESSURE

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from prometheus_client import Metric as Family

    from forewarn.config import Config
    from forewarn.identity import Identity
    from forewarn.monitor import Monitor
    from forewarn.probes.panel import Panel

    Collect = Callable[[View, Families], None]

COLLECTORS: Mapping[str, Collect] = {
    "engine": engine.collect,
    "queue": queue.collect,
    "kv_cache": kv_cache.collect,
    "requests": requests.collect,
    "latency": latency.collect,
    "objectives": objectives.collect,
    "replica": replica.collect,
    "probes": probes.collect,
    "sidecar": sidecar.collect,
}

MARKS: Mapping[str, Callable[[View], Hashable]] = {
    "queue": polled_with_peaks(s.WAITING, QUEUE_PRESSURE),
    "kv_cache": polled_with_peaks(s.KV_USAGE),
    "requests": polled,
    "latency": polled,
    "objectives": polled,
}
"""Collectors whose series stay as they are while a mark does. The others show ages or what changes between polls."""


class Exposition(Collector):
    """All exported series. A collector that fails costs its own series and nothing else."""

    def __init__(
        self,
        monitor: Monitor,
        identity: Identity,
        config: Config,
        ready: Callable[[], bool],
        panel: Panel,
        collectors: Mapping[str, Collect] = COLLECTORS,
    ) -> None:
        self._monitor = monitor
        self._identity = identity
        self._config = config
        self._ready = ready
        self._panel = panel
        self._collectors = collectors
        self._failing: set[str] = set()
        self._failed: set[str] = set()
        self._kept: dict[str, tuple[Hashable, Sequence[Family]]] = {}

    def describe(self) -> Iterable[Family]:
        """Nothing: names are not reserved, so registering does not collect."""
        return []

    def collect(self) -> Iterable[Family]:
        """The families as they are now."""
        return [family for part in self.parts() for family in part]

    def parts(self) -> list[Sequence[Family]]:
        """The families as they are now, by collector; one with nothing new gives the same object as before."""
        out: list[Sequence[Family]] = []
        success = Families()
        with self._monitor.lock:
            view = View(self._monitor, self._identity, self._config, self._ready(), self._panel)
            for name, collect in self._collectors.items():
                families = self._kept_or_new(name, collect, view)
                out.append(families or ())
                # Ones that never end would be series on every replica that nobody reads.
                if name in self._failed:
                    success.add("forewarn_collector_success", (name,), 0.0 if families is None else 1.0)
        return [*out, tuple(success)]

    def _kept_or_new(self, name: str, collect: Collect, view: View) -> Sequence[Family] | None:
        mark = MARKS[name](view) if name in MARKS else None
        kept = self._kept.get(name)
        if kept is not None and mark is not None and kept[0] == mark:
            return kept[1]
        families = self._execute(name, collect, view)
        if families is None:
            self._kept.pop(name, None)
            return None
        found = tuple(families)
        if mark is not None:
            self._kept[name] = (mark, found)
        return found

    def _execute(self, name: str, collect: Collect, view: View) -> Families | None:
        families = Families()
        try:
            collect(view, families)
        except Exception as error:  # noqa: BLE001  whatever a collector raises costs only its own series
            if name not in self._failing:
                self._failing.add(name)
                self._failed.add(name)
                self._monitor.note("error", f"collector {name} failed: {type(error).__name__}: {error}")
            return None
        self._failing.discard(name)
        return families


def registry(exposition: Exposition) -> CollectorRegistry:
    """A registry of this exposition alone."""
    registry = CollectorRegistry()
    registry.register(exposition)
    return registry
