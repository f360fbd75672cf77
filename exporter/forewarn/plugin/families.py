"""The plugin's series in the engine's process, and their place in its registry."""

from __future__ import annotations

import contextlib
import weakref
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.registry import Collector

from forewarn import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import CollectorRegistry, Metric

BOUNDS = {
    "requests_waiting_samples": catalogue.WAITING_BOUNDS,
    "queue_pressure_samples_ratio": catalogue.PRESSURE_BOUNDS,
    "kv_cache_usage_samples_ratio": catalogue.KV_USAGE_BOUNDS,
}


class Families:
    """One family for each row of `catalogue.PLUGIN`, by its name without the prefix.

    With several API servers prometheus_client keeps the values in files that vLLM's page adds up; there the largest
    of the processes' gauges is shown, as a peak is one whichever process saw it.
    """

    def __init__(self) -> None:
        self.counters: dict[str, Counter] = {}
        self.gauges: dict[str, Gauge] = {}
        self.histograms: dict[str, Histogram] = {}
        for metric in catalogue.PLUGIN:
            short = metric.name.removeprefix(catalogue.PLUGIN_PREFIX)
            if metric.type == "counter":
                self.counters[short] = Counter(metric.name, metric.help, metric.labels, registry=None)
            elif metric.type == "gauge":
                self.gauges[short] = Gauge(
                    metric.name, metric.help, metric.labels, registry=None, multiprocess_mode="max"
                )
            else:
                self.histograms[short] = Histogram(
                    metric.name, metric.help, metric.labels, registry=None, buckets=BOUNDS[short]
                )

    def all(self) -> list[Counter | Gauge | Histogram]:
        """Every family."""
        return [*self.counters.values(), *self.gauges.values(), *self.histograms.values()]


class Page(Collector):
    """The families of one logger on the page, for as long as vLLM keeps that logger.

    vLLM may drop its loggers and build new ones without plugins (elastic expert parallelism); counts that stand
    still must not stay on the page then. It also unregisters collectors whose name is its own; this one has none.
    """

    def __init__(self, families: Families, owner: object) -> None:
        self._families = families
        self._owner = weakref.ref(owner)

    def describe(self) -> Iterable[Metric]:
        """All names, so that a clash is found when registering."""
        return [metric for family in self._families.all() for metric in family.describe()]

    def collect(self) -> Iterable[Metric]:
        """The families as they are now."""
        if self._owner() is None:
            return []
        return [metric for family in self._families.all() for metric in family.collect()]


class Place:
    """The plugin's place in a registry: a later engine's series take that of an earlier one's, as vLLM's own do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._page: Page | None = None

    def show(self, page: Page) -> None:
        """Show this page instead of the one before. Raises ValueError when a name is taken by somebody else."""
        if self._page is not None:
            # Somebody may have cleared the registry in between.
            with contextlib.suppress(KeyError):
                self._registry.unregister(self._page)
            self._page = None
        self._registry.register(page)
        self._page = page


PROCESS = Place(REGISTRY)
"""The registry that vLLM serves, unless several API servers share files instead."""
