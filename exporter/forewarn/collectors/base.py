"""What a collector gets and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from forewarn.catalogue import BY_NAME
from forewarn.snapshot import RankKey

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from prometheus_client import Metric as Family

    from forewarn.config import Config
    from forewarn.identity import Identity
    from forewarn.monitor import Monitor
    from forewarn.probes.panel import Panel
    from forewarn.sampling.rank import RankSampler
    from forewarn.snapshot import Histogram

Labels = tuple[str, ...]

UNKNOWN_RANK = RankKey("", "0")
"""Stands in for the rank before the engine was ever seen."""


class Families:
    """Collects samples into families of the catalogue."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def __iter__(self) -> Iterator[Family]:
        return iter(self._families.values())

    def add(self, name: str, labels: Labels, value: float | None) -> None:
        """One sample of a gauge or counter; None is absent and adds nothing."""
        if value is None:
            return
        family = self._family(name)
        if isinstance(family, CounterMetricFamily | GaugeMetricFamily):
            family.add_metric(labels, value)

    def histogram(self, name: str, labels: Labels, value: Histogram | None) -> None:
        """One histogram; None is absent and adds nothing."""
        if value is None:
            return
        family = self._family(name)
        if isinstance(family, HistogramMetricFamily):
            buckets = [(_edge(b), n) for b, n in zip(value.bounds, value.counts, strict=True)]
            family.add_metric(labels, buckets, value.total)

    def _family(self, name: str) -> Family:
        if name not in self._families:
            metric = BY_NAME[name]
            kinds = {
                "gauge": GaugeMetricFamily,
                "counter": CounterMetricFamily,
                "histogram": HistogramMetricFamily,
            }
            self._families[name] = kinds[metric.type](name, metric.help, labels=metric.all_labels)
        return self._families[name]


@dataclass(frozen=True, slots=True)
class View:
    """What a collector may read, valid while the monitor's lock is held."""

    monitor: Monitor
    identity: Identity
    config: Config
    ready: bool
    probes: Panel

    def ranks(self) -> Iterable[tuple[Labels, RankSampler]]:
        """Identity labels and samplers of the ranks whose values are fresh; none when the engine is down."""
        if not self.monitor.fresh():
            return []
        return [(self.identity.labels(key), sampler) for key, sampler in self.monitor.ranks.items()]

    def known(self) -> list[Labels]:
        """Identity labels of every rank ever seen, or of a nameless one: for series that outlive the engine."""
        keys = list(self.monitor.ranks) or [UNKNOWN_RANK]
        return [self.identity.labels(key) for key in keys]


def polled(view: View) -> Hashable:
    """Changes with every poll, and when values become too old: what only polls change is the same until then."""
    return sum(view.monitor.results.values()), view.monitor.fresh()


def polled_with_peaks(*sampled: str) -> Callable[[View], Hashable]:
    """As `polled`, and with the peaks of sampled signals, which also end by themselves."""

    def mark(view: View) -> Hashable:
        now = view.monitor.clock.monotonic()
        peaks = (rank.peaks[name].value(now) for rank in view.monitor.ranks.values() for name in sampled)
        return polled(view), *peaks

    return mark


def add_gauges(view: View, out: Families, names: Mapping[str, str]) -> None:
    """Pass gauges through: signal → metric name."""
    for labels, rank in view.ranks():
        for signal, name in names.items():
            out.add(name, labels, rank.gauges.get(signal))


def add_counters(view: View, out: Families, names: Mapping[str, str]) -> None:
    """Pass counters through: signal → metric name."""
    for labels, rank in view.ranks():
        for signal, name in names.items():
            for value in rank.exported(signal).values():
                out.add(name, labels, value)


def add_histograms(view: View, out: Families, names: Mapping[str, str]) -> None:
    """Pass histograms through: signal → metric name."""
    for labels, rank in view.ranks():
        for signal, name in names.items():
            if signal in rank.present and signal in rank.histograms:
                out.histogram(name, labels, rank.histograms[signal].value)


def add_samples(view: View, out: Families, sampled: str, peak: str, histogram: str) -> None:
    """Peak and sample histogram of one sampled signal."""
    now = view.monitor.clock.monotonic()
    for labels, rank in view.ranks():
        if sampled in dict(rank.sampled()):
            out.add(peak, labels, rank.peaks[sampled].value(now))
            out.histogram(histogram, labels, rank.samples[sampled].histogram())


def _edge(bound: float) -> str:
    """A bound spelled as the library spells it, so that it matches what vLLM's own client writes."""
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]  # the library leaves it untyped
