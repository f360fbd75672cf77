"""The vLLM adapter: finds the rows of the name table on a page and reads them rank by rank.

A layout is understood once; after that a poll is index arithmetic. What a page lacks, or shows in a form that
cannot be trusted (another type, duplicates, buckets that are not cumulative), is reported as missing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.engines import vllm_cache_info
from forewarn.engines.vllm_table import (
    CACHE_INFO,
    FAST_SIGNALS,
    MODEL_LABEL,
    PREFIXES,
    PROCESS_LABEL,
    PROCESS_START,
    RANK_LABEL,
    ROWS,
)
from forewarn.snapshot import Histogram, RankKey, RankSnapshot, SignalSource, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forewarn.engines.base import Row
    from forewarn.layout import Layout, Page

_TYPES = {"gauge": {"gauge"}, "counter": {"counter"}, "histogram": {"histogram"}}
_UNTYPED = {"unknown", "untyped"}
_SUFFIXES = {"gauge": ("",), "counter": ("",), "histogram": ("_bucket", "_sum", "_count")}


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the page: where its value is, and what it is called."""

    slot: int
    name: str
    labels: Mapping[str, str]
    type: str


@dataclass(frozen=True, slots=True)
class _Scalar:
    """A gauge or counter of one rank: `groups` of slots that show the same thing, joined by `combine`."""

    signal: str
    reason: str | None
    combine: str
    groups: tuple[tuple[int, ...], ...]

    def read(self, values: Sequence[float]) -> float | None:
        found = []
        for group in self.groups:
            usable = [values[slot] for slot in group if math.isfinite(values[slot])]
            if not usable:
                return None
            found.append(max(usable))
        value = max(found) if self.combine == "max" else sum(found)
        return value if value >= 0 else None


@dataclass(frozen=True, slots=True)
class _Buckets:
    """A histogram of one rank; `rows` has, for each bound, the slots to add up."""

    signal: str
    bounds: tuple[float, ...]
    rows: tuple[tuple[int, ...], ...]
    sums: tuple[int, ...]

    def read(self, values: Sequence[float]) -> Histogram | None:
        counts = tuple([values[row[0]] if len(row) == 1 else sum(values[i] for i in row) for row in self.rows])
        total = sum(values[i] for i in self.sums)
        if not math.isfinite(total) or not math.isfinite(counts[-1]) or counts[0] < 0:
            return None
        if list(counts) != sorted(counts):
            return None
        return Histogram(self.bounds, counts, total)


@dataclass(slots=True)
class _RankReaders:
    """Everything to read for one rank."""

    gauges: list[_Scalar]
    counters: list[_Scalar]
    split: list[_Scalar]
    histograms: list[_Buckets]
    constants: dict[str, float]


class VllmBinding:
    """A vLLM page layout, understood. See `engines.base.Binding`."""

    def __init__(self, lines: Sequence[_Line]) -> None:
        by_name, duplicated = _index(lines)
        self._start_slot = next((line.slot for line in lines if line.name == PROCESS_START), None)
        self._doubtful = self._start_slot is None and any(RANK_LABEL in line.labels for line in lines)
        self._ranks = {key: _RankReaders([], [], [], [], {}) for key in _rank_keys(by_name)}
        self.sources: dict[str, SignalSource] = {}
        self.fast_names: tuple[str, ...] = ()
        for row in ROWS:
            self._bind_row(row, by_name, duplicated)
        self._bind_capacity(by_name.get(CACHE_INFO, []))
        if self._start_slot is not None:
            self.sources[s.START_TIME] = SignalSource(PROCESS_START)
        else:
            self.sources[s.START_TIME] = SignalSource("", reason=f"no {PROCESS_START} on the page")

    def read(self, page: Page, *, full: bool) -> Snapshot:
        """Canonical values of a page with this layout."""
        values = page.values
        ranks = {key: _read_rank(readers, values) for key, readers in self._ranks.items()}
        start = None if self._start_slot is None else values[self._start_slot]
        if start is not None and not (math.isfinite(start) and start > 0):
            start = None
        return Snapshot(full=full, ranks=ranks, start_time=start, multiprocess=self._doubtful)

    def _bind_row(self, row: Row, by_name: Mapping[str, list[_Line]], duplicated: set[str]) -> None:
        known = self.sources.get(row.signal)
        if known is not None and known.series:
            return
        names = [row.source + suffix for suffix in _SUFFIXES[row.kind]]
        lines = [line for name in names for line in by_name.get(name, [])]
        problem = _problem(row, lines, duplicated.intersection(names))
        if not problem and not (
            self._bind_histogram(row, lines) if row.kind == "histogram" else self._bind_scalar(row, lines)
        ):
            problem = f"{row.source} has no usable buckets"
        if problem:
            earlier = f"{known.reason}; " if known is not None else ""
            self.sources[row.signal] = SignalSource("", reason=earlier + problem)
            return
        shown = lines[0].name if row.kind != "histogram" else lines[0].name.removesuffix("_bucket")
        self.sources[row.signal] = SignalSource(shown, exact=not row.estimate, reason=row.estimate)
        if row.signal in FAST_SIGNALS:
            self.fast_names += (shown,)

    def _bind_scalar(self, row: Row, lines: list[_Line]) -> bool:
        grouped: dict[tuple[RankKey, str | None], dict[tuple[tuple[str, str], ...], list[int]]]
        grouped = defaultdict(lambda: defaultdict(list))
        for line in lines:
            reason = line.labels.get(row.split, "") if row.split else None
            identity = tuple(sorted(item for item in line.labels.items() if item[0] != PROCESS_LABEL))
            grouped[self._rank_of(line), reason][identity].append(line.slot)
        for (key, reason), groups in grouped.items():
            scalar = _Scalar(row.signal, reason, row.combine, tuple(tuple(group) for group in groups.values()))
            readers = self._ranks[key]
            target = readers.gauges if row.kind == "gauge" else readers.split if row.split else readers.counters
            target.append(scalar)
        return True

    def _bind_histogram(self, row: Row, lines: list[_Line]) -> bool:
        parts: dict[RankKey, list[_Line]] = defaultdict(list)
        for line in lines:
            parts[self._rank_of(line)].append(line)
        bound = [(key, _buckets(row, members)) for key, members in parts.items()]
        usable = [(key, buckets) for key, buckets in bound if buckets is not None]
        for key, buckets in usable:
            self._ranks[key].histograms.append(buckets)
        return bool(usable)

    def _bind_capacity(self, lines: list[_Line]) -> None:
        capacity = vllm_cache_info.capacity_tokens([line.labels for line in lines])
        if capacity is None:
            reason = "cache_config_info does not tell it" if lines else "no cache_config_info on the page"
            self.sources[s.KV_CAPACITY] = SignalSource("", reason=reason)
            return
        self.sources[s.KV_CAPACITY] = SignalSource(lines[0].name)
        for readers in self._ranks.values():
            readers.constants[s.KV_CAPACITY] = capacity

    def _rank_of(self, line: _Line) -> RankKey:
        """The rank a line belongs to; one without a rank of its own counts for the first rank, once."""
        model, engine = line.labels.get(MODEL_LABEL), line.labels.get(RANK_LABEL)
        for key in self._ranks:
            if model in (None, key.model) and engine in (None, key.engine):
                return key
        return next(iter(self._ranks))


class VllmAdapter:
    """Understands any vLLM page from 0.2.6 on. See `engines.base.Adapter`."""

    def bind(self, layout: Layout) -> VllmBinding:
        """Understand a layout."""
        lines = []
        for slot, series in enumerate(layout.series):
            bare = _bare(series.name)
            if bare is not None:
                lines.append(_Line(slot, series.name, dict(series.labels), series.type))
        return VllmBinding(lines)


def _bare(name: str) -> str | None:
    """The name without vLLM's prefix in any of its forms; None for a series that is not vLLM's."""
    if name == PROCESS_START:
        return name
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return None


def _index(lines: Iterable[_Line]) -> tuple[dict[str, list[_Line]], set[str]]:
    """Lines by bare name, and the bare names that repeat a series."""
    by_name: dict[str, list[_Line]] = defaultdict(list)
    seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    duplicated = set()
    for line in lines:
        bare = _bare(line.name) or line.name
        identity = (line.name, frozenset(line.labels.items()))
        if identity in seen:
            duplicated.add(bare)
        seen.add(identity)
        by_name[bare].append(line)
    return by_name, duplicated


def _rank_keys(by_name: Mapping[str, list[_Line]]) -> list[RankKey]:
    """The ranks a page shows, in numerical order, from the lines of table rows."""
    sources = {row.source + suffix for row in ROWS for suffix in _SUFFIXES[row.kind]}
    labels = [line.labels for name in sources for line in by_name.get(name, [])]
    with_rank = {(at[MODEL_LABEL], at[RANK_LABEL]) for at in labels if MODEL_LABEL in at and RANK_LABEL in at}
    keys = with_rank or {(at.get(MODEL_LABEL, ""), "0") for at in labels}
    return [RankKey(*key) for key in sorted(keys, key=lambda key: (key[0], len(key[1]), key[1]))]


def _problem(row: Row, lines: list[_Line], duplicated: set[str]) -> str:
    """Why the row cannot be used on this page; "" if it can."""
    if not lines:
        return f"no {row.source} on the page"
    if duplicated:
        return f"{row.source} is on the page twice with the same labels"
    types = {line.type for line in lines} - _TYPES[row.kind] - _UNTYPED
    if types:
        return f"{row.source} is a {min(types)}, expected a {row.kind}"
    return ""


def _buckets(row: Row, lines: list[_Line]) -> _Buckets | None:
    """Readers of one rank's histogram; bounds are those that all its parts share."""
    parts: dict[tuple[tuple[str, str], ...], dict[float, int]] = defaultdict(dict)
    sums = []
    for line in lines:
        if line.name.endswith("_sum"):
            sums.append(line.slot)
        elif line.name.endswith("_bucket"):
            try:
                bound = float(line.labels.get("le", ""))
            except ValueError:
                return None
            rest = tuple(sorted(item for item in line.labels.items() if item[0] != "le"))
            parts[rest][bound] = line.slot
    shared = set.intersection(*(set(part) for part in parts.values())) if parts else set()
    if math.inf not in shared or not sums:
        return None
    bounds = tuple(sorted(shared))
    rows = tuple(tuple(part[bound] for part in parts.values()) for bound in bounds)
    return _Buckets(row.signal, bounds, rows, tuple(sums))


def _read_rank(readers: _RankReaders, values: Sequence[float]) -> RankSnapshot:
    gauges = dict(readers.constants)
    for scalar in readers.gauges:
        if (value := scalar.read(values)) is not None:
            gauges[scalar.signal] = value
    counters = {c.signal: value for c in readers.counters if (value := c.read(values)) is not None}
    split: dict[str, dict[str, float]] = defaultdict(dict)
    for scalar in readers.split:
        if (value := scalar.read(values)) is not None:
            split[scalar.signal][scalar.reason or ""] = value
    histograms = {h.signal: read for h in readers.histograms if (read := h.read(values)) is not None}
    return RankSnapshot(gauges, counters, split, histograms)
