"""The values a page is made of: families, their children, and what a histogram holds."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cumulative counts, one per finite bound; `count` is the +Inf bucket, `total` the sum of the values."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    total: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Number and sum of observations; vLLM's pages have no quantiles."""

    count: int
    total: float


Value = float | Histogram | Summary


@dataclass(frozen=True, slots=True)
class Child:
    """One labelled instance of a family."""

    labels: Mapping[str, str]
    value: Value


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family. Counter names carry `_total`, histograms have their base name.

    `created` says whether the client library keeps a creation time for its children.
    """

    name: str
    kind: str
    help: str
    children: tuple[Child, ...]
    created: bool = True


def observe(values: Iterable[float], bounds: tuple[float, ...]) -> Histogram:
    """Fill a histogram; a value on a bound belongs to that bound's bucket, as Prometheus has it."""
    seen = sorted(values)
    per_bucket = [0] * (len(bounds) + 1)
    for value in seen:
        per_bucket[bisect_left(bounds, value)] += 1
    counts = tuple(sum(per_bucket[: index + 1]) for index in range(len(bounds)))
    return Histogram(bounds, counts, len(seen), float(sum(seen)))
