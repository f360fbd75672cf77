"""The page: every collector run in isolation into one registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from forewarn.collectors import engine, kv_cache, latency, objectives, probes, queue, replica, requests, sidecar
from forewarn.collectors.base import Families, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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

    def describe(self) -> Iterable[Family]:
        """Nothing: names are not reserved, so registering does not collect."""
        return []

    def collect(self) -> Iterable[Family]:
        """The families as they are now."""
        out: list[Family] = []
        success = Families()
        with self._monitor.lock:
            view = View(self._monitor, self._identity, self._config, self._ready(), self._panel)
            for name, collect in self._collectors.items():
                families = self._execute(name, collect, view)
                out += families or ()
                # Ones that never end would be series on every replica that nobody reads.
                if name in self._failed:
                    success.add("forewarn_collector_success", (name,), 0.0 if families is None else 1.0)
        return [*out, *success]

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
