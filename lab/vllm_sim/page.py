"""The metrics page as vLLM writes it: the same lines in the same order, only values differ."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from lab.vllm_sim.stats import EngineStats, Histogram
from lab.vllm_sim.values import Child, Labels, Summary, Values, engine_values, http_values, process_values
from lab.vllm_sim.versions import dialect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from lab.vllm_sim.families import Family
    from lab.vllm_sim.shape import EngineShape

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_EXPONENT_FROM = 7
"""Go writes an exponent from this many digits before the point, and prometheus_client imitates it."""


def go_float(value: float) -> str:
    """Write a number as prometheus_client does."""
    value = float(value)
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    text = repr(value)
    digits = text.find(".")
    if value <= 0 or digits < _EXPONENT_FROM:
        return text
    mantissa = f"{text[0]}.{text[1:digits]}{text[digits + 1 :]}".rstrip("0.")
    return f"{mantissa}e+{digits - 1:02d}"


def escape(value: str) -> str:
    """Escape a label value."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@lru_cache(maxsize=16384)
def _key(name: str, labels: Labels) -> str:
    inner = ",".join(f'{label}="{escape(value)}"' for label, value in sorted(labels))
    return f"{name}{{{inner}}} " if inner else f"{name} "


@lru_cache(maxsize=1024)
def _bucket_keys(name: str, labels: Labels, bounds: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(_key(name, (*labels, ("le", go_float(bound)))) for bound in (*bounds, math.inf))


class Page:
    """Writes the page of one engine process, which started at `start` in epoch seconds."""

    def __init__(self, stats: EngineStats, shape: EngineShape, start: float) -> None:
        self.stats = stats
        self.shape = shape
        self.start = start
        self.dialect = dialect(shape.version)

    def render(self, now: float, names: Collection[str] | None = None, renames: Mapping[str, str] | None = None) -> str:
        """Return the page at `now` (epoch seconds).

        `names` keeps only the samples so named, as `name[]` does; `renames` maps names on TYPE lines to the
        names that a later version might use.
        """
        values = {
            **process_values(self.start, now - self.start),
            **engine_values(self.stats, self.shape),
            **http_values(self.stats.http),
        }
        return "".join(
            f"{line}\n"
            for family in self.dialect.families
            for line in self._family(family, values, names, renames or {})
        )

    def _family(
        self, family: Family, values: Values, names: Collection[str] | None, renames: Mapping[str, str]
    ) -> Iterator[str]:
        exposed = renames.get(family.exposed, family.exposed)
        name = exposed.removesuffix("_total") if family.kind == "counter" else exposed
        if names is not None and not any(sample.startswith(name) for sample in names):
            return
        base = self._base(family)
        samples, created = [], []
        for child in self.dialect.children(family, values[family.name]):
            labels = base + child.labels
            samples += [line for sample, line in self._samples(family, name, labels, child) if _kept(sample, names)]
            if family.created and _kept(f"{name}_created", names):
                since = self.stats.created if child.created is None else child.created
                created.append(_key(f"{name}_created", labels) + go_float(since))
        if names is not None and not samples and not created:
            return
        yield from (f"# HELP {exposed} {family.help}", f"# TYPE {exposed} {family.kind}", *samples)
        if created:
            yield from (f"# HELP {name}_created {family.help}", f"# TYPE {name}_created gauge", *created)

    def _base(self, family: Family) -> Labels:
        values = {"engine": "0", "model_name": self.shape.model}
        return tuple((label, values[label]) for label in self.dialect.scope(family))

    def _samples(self, family: Family, name: str, labels: Labels, child: Child) -> Iterator[tuple[str, str]]:
        tail = self.dialect.tails.get(family.name, math.inf)
        return _samples(family, name, labels, _without_tail(child, tail) if tail < math.inf else child)


def _kept(name: str, names: Collection[str] | None) -> bool:
    return names is None or name in names


def _without_tail(child: Child, largest: float) -> Child:
    """Return a histogram with the buckets above `largest` in its last one."""
    value = child.value
    if not isinstance(value, Histogram):
        return child
    bounds = tuple(bound for bound in value.bounds if bound <= largest)
    short = Histogram(bounds)
    short.counts = [*value.counts[: len(bounds)], sum(value.counts[len(bounds) :])]
    short.count, short.total = value.count, value.total
    return Child(child.labels, short, child.created)


def _samples(family: Family, name: str, labels: Labels, child: Child) -> Iterator[tuple[str, str]]:
    value = child.value
    if isinstance(value, Histogram):
        bucket = f"{name}_bucket"
        for key, count in zip(_bucket_keys(bucket, labels, value.bounds), accumulate(value.counts), strict=True):
            yield bucket, key + go_float(count)
        yield f"{name}_count", _key(f"{name}_count", labels) + go_float(value.count)
        yield f"{name}_sum", _key(f"{name}_sum", labels) + go_float(value.total)
    elif isinstance(value, Summary):
        yield f"{name}_count", _key(f"{name}_count", labels) + go_float(value.count)
        yield f"{name}_sum", _key(f"{name}_sum", labels) + go_float(value.total)
    else:
        exposed = f"{name}_total" if family.kind == "counter" else name
        yield exposed, _key(exposed, labels) + go_float(value)
