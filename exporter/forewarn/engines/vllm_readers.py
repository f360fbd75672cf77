"""Lines of a vLLM page, and how the values of one rank are read from them."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from operator import le
from typing import TYPE_CHECKING

from forewarn.layout import picker
from forewarn.snapshot import Histogram, RankSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page: where its value is, and what it is called behind its prefix."""

    slot: int
    prefix: str
    bare: str
    labels: Mapping[str, str]
    type: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """A gauge or counter of one rank: `groups` of slots that show the same thing, joined by `combine`."""

    signal: str
    reason: str | None
    combine: str
    groups: tuple[tuple[int, ...], ...]

    def read(self, values: Sequence[float]) -> float | None:
        """The value, None when a part of it is missing, not a number or negative."""
        found = []
        for group in self.groups:
            usable = [values[slot] for slot in group if math.isfinite(values[slot])]
            if not usable:
                return None
            found.append(max(usable))
        if min(found) < 0:
            return None
        return max(found) if self.combine == "max" else sum(found)

    @property
    def single(self) -> int | None:
        """The slot, where one alone shows the value."""
        return self.groups[0][0] if len(self.groups) == len(self.groups[0]) == 1 else None


@dataclass(frozen=True, slots=True)
class Column:
    """Scalars that are told apart by a key: those with one slot each, which are the rule, in one go."""

    keys: tuple[str, ...]
    pick: Callable[[Sequence[float]], tuple[float, ...]]
    others: tuple[tuple[str, Scalar], ...]

    def read(self, values: Sequence[float]) -> dict[str, float]:
        """The values that are there."""
        # NaN compares false with everything and is left out.
        found = {key: value for key, value in zip(self.keys, self.pick(values), strict=True) if 0 <= value < math.inf}
        for key, scalar in self.others:
            if (value := scalar.read(values)) is not None:
                found[key] = value
        return found


def column(scalars: Mapping[str, Scalar]) -> Column:
    """Readers of scalars by key."""
    single = {key: scalar.single for key, scalar in scalars.items()}
    slots = [slot for slot in single.values() if slot is not None]
    keys = tuple(key for key, slot in single.items() if slot is not None)
    return Column(keys, picker(slots), tuple(item for item in scalars.items() if single[item[0]] is None))


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram of one rank; `rows` has, for each bound, the slots to add up."""

    signal: str
    bounds: tuple[float, ...]
    rows: tuple[tuple[int, ...], ...]
    sums: tuple[int, ...]
    single: Callable[[Sequence[float]], tuple[float, ...]] | None
    """Picks the counts where each bound has one slot."""

    def read(self, values: Sequence[float]) -> Histogram | None:
        """The histogram, None when its counts or sum cannot be those of observations of 0 or more."""
        # One series a bound is the rule, and the loop over it is the larger part of reading a page.
        if self.single:
            counts, total = self.single(values), values[self.sums[0]]
        else:
            counts = tuple([sum(values[i] for i in row) for row in self.rows])
            total = sum(values[i] for i in self.sums)
        # Written so that NaN, which compares false with everything, fails as well.
        if not (counts[0] >= 0 and counts[-1] < math.inf and 0 <= total < math.inf):
            return None
        if not all(map(le, counts, counts[1:])):
            return None
        return Histogram(self.bounds, counts, total)


@dataclass(frozen=True, slots=True)
class RankReader:
    """Reads one rank's part of a page."""

    constants: Mapping[str, float]
    gauges: Column
    counters: Column
    split: Mapping[str, Column]
    histograms: tuple[Buckets, ...]

    def read(self, values: Sequence[float]) -> RankSnapshot:
        """The rank's part of a page."""
        split = {signal: found for signal, by_reason in self.split.items() if (found := by_reason.read(values))}
        histograms = {h.signal: read for h in self.histograms if (read := h.read(values)) is not None}
        gauges = {**self.constants, **self.gauges.read(values)}
        return RankSnapshot(gauges, self.counters.read(values), split, histograms)


@dataclass(slots=True)
class RankReaders:
    """Everything to read for one rank, as the binding finds it."""

    gauges: list[Scalar]
    counters: list[Scalar]
    split: list[Scalar]
    histograms: list[Buckets]
    constants: dict[str, float]

    def slots(self) -> Iterator[int]:
        """The places read."""
        for scalar in (*self.gauges, *self.counters, *self.split):
            for group in scalar.groups:
                yield from group
        for buckets in self.histograms:
            yield from buckets.sums
            for row in buckets.rows:
                yield from row

    def reader(self) -> RankReader:
        """What reads it."""
        split: dict[str, dict[str, Scalar]] = defaultdict(dict)
        for scalar in self.split:
            split[scalar.signal][scalar.reason or ""] = scalar
        return RankReader(
            self.constants,
            column({scalar.signal: scalar for scalar in self.gauges}),
            column({scalar.signal: scalar for scalar in self.counters}),
            {signal: column(by_reason) for signal, by_reason in split.items()},
            tuple(self.histograms),
        )


def buckets(signal: str, lines: Sequence[Line]) -> Buckets | None:
    """Readers of one rank's histogram; bounds are those that all its parts share. None when a part is not whole."""
    parts: dict[frozenset[tuple[str, str]], dict[float, int]] = defaultdict(dict)
    sums = []
    for line in lines:
        if line.bare.endswith("_sum"):
            sums.append(line.slot)
        elif line.bare.endswith("_bucket"):
            bound = edge(line)
            if bound is None:
                return None
            parts[part(line)][bound] = line.slot
    shared = set.intersection(*(set(part) for part in parts.values())) if parts else set()
    if math.inf not in shared or len(sums) != len(parts):
        return None
    bounds = tuple(sorted(shared))
    rows = tuple(tuple(part[bound] for part in parts.values()) for bound in bounds)
    single = picker([row[0] for row in rows]) if len(parts) == 1 else None
    return Buckets(signal, bounds, rows, tuple(sums), single)


def part(line: Line) -> frozenset[tuple[str, str]]:
    """What the lines of one histogram have in common: their labels but the edge."""
    return frozenset(item for item in line.labels.items() if item[0] != "le")


def edge(line: Line) -> float | None:
    """The upper edge of a bucket, None for a line that has none."""
    try:
        bound = float(line.labels.get("le", ""))
    except ValueError:
        return None
    return bound if bound > -math.inf else None
