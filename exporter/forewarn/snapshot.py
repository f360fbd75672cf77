"""What one poll saw, in canonical terms: frozen values that everything downstream reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class RankKey(NamedTuple):
    """One engine of a replica: the served model and the data-parallel rank ("0" when there is one)."""

    model: str
    engine: str


class Histogram(NamedTuple):
    """A cumulative histogram.

    `bounds` are upper edges in ascending order, the last is +Inf; `counts` are cumulative, one per bound;
    `total` is the sum of the observed values in the histogram's unit.
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    total: float

    @property
    def count(self) -> float:  # type: ignore[override]  # nobody counts the parts of one
        """Number of observations."""
        return self.counts[-1]


@dataclass(frozen=True, slots=True)
class RankSnapshot:
    """The canonical signals of one rank. A signal that the engine does not show has no entry.

    `split` holds counters with one bounded label (finish reason, rejection reason): signal → label value → count.
    """

    gauges: Mapping[str, float] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)
    split: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One poll.

    `full` tells a whole page from a filtered one (gauges alone). `start_time` is the engine process's start in
    seconds since the epoch, None where the page does not say. `multiprocess` is set when the page looks like
    a merge over several API server processes, whose gauges may stick.
    """

    full: bool
    ranks: Mapping[RankKey, RankSnapshot]
    start_time: float | None = None
    multiprocess: bool = False


@dataclass(frozen=True, slots=True)
class SignalSource:
    """Where a canonical signal comes from on the present page.

    `series` is the engine's own name, "" when the signal is missing; `exact` is False where the value stands in
    for what is meant; `reason` says why a signal is missing or estimated.
    """

    series: str
    exact: bool = True
    reason: str = ""
