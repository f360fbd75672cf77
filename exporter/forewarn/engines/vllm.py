"""The vLLM adapter: finds the rows of the name table on a page and reads them rank by rank.

A layout is understood once; after that a poll is index arithmetic. What a page lacks, or shows in a form that
cannot be trusted (another type, duplicates, buckets that are not cumulative), is reported as missing.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.catalogue import PLUGIN_PREFIX
from forewarn.engines import vllm_cache_info
from forewarn.engines.vllm_readers import Line, RankReaders, Scalar, buckets, edge, part
from forewarn.engines.vllm_table import (
    CACHE_INFO,
    FAST_SIGNALS,
    MODEL_LABEL,
    NO_PLUGIN,
    PLUGIN_ROWS,
    PLUGIN_UNREADABLE,
    PREFIXES,
    PROCESS_LABEL,
    PROCESS_START,
    RANK_LABEL,
    ROWS,
)
from forewarn.errors import PageError
from forewarn.snapshot import RankKey, SignalSource, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forewarn.engines.base import Row
    from forewarn.layout import Layout, Page, Series

MAX_RANKS = 256
"""Models times ranks of one page. Each is some hundred series of ours: more is no engine but a mistake or worse."""

MAX_SPLIT = 32
"""Values of the label that a counter is split by. vLLM has five."""

_TYPES = {"gauge": {"gauge"}, "counter": {"counter"}, "histogram": {"histogram"}}
_UNTYPED = {"unknown", "untyped"}
_SUFFIXES = {"gauge": ("",), "counter": ("",), "histogram": ("_bucket", "_sum", "_count")}


class VllmBinding:
    """A vLLM page layout, understood. See `engines.base.Binding`."""

    def __init__(self, lines: Sequence[Line]) -> None:
        by_name, duplicated = _index(lines)
        self._start_slot = next((line.slot for line in lines if line.bare == PROCESS_START), None)
        self._doubtful = self._start_slot is None and any(RANK_LABEL in line.labels for line in lines)
        self._ranks = {key: RankReaders([], [], [], [], {}) for key in _rank_keys(by_name)}
        if len(self._ranks) > MAX_RANKS:
            raise PageError(
                "too_large", f"page shows {len(self._ranks)} models and ranks, at most {MAX_RANKS} are read"
            )
        self._first = _first_by_labels(self._ranks)
        self.sources: dict[str, SignalSource] = {}
        self.fast_names: tuple[str, ...] = ()
        for row in ROWS:
            self._bind_row(row, by_name, duplicated)
        self._bind_plugin(by_name, duplicated)
        self._bind_capacity(by_name.get(CACHE_INFO, []))
        if self._start_slot is not None:
            self.sources[s.START_TIME] = SignalSource(PROCESS_START)
        else:
            self.sources[s.START_TIME] = SignalSource("", reason=f"no {PROCESS_START} on the page")
        self.slots = frozenset(slot for readers in self._ranks.values() for slot in readers.slots())
        if self._start_slot is not None:
            self.slots |= {self._start_slot}
        self._readers = {key: readers.reader() for key, readers in self._ranks.items()}

    def read(self, page: Page, *, full: bool) -> Snapshot:
        """Canonical values of a page with this layout."""
        values = page.values
        ranks = {key: readers.read(values) for key, readers in self._readers.items()}
        start = None if self._start_slot is None else values[self._start_slot]
        if start is not None and not (math.isfinite(start) and start > 0):
            start = None
        return Snapshot(full=full, ranks=ranks, start_time=start, multiprocess=self._doubtful)

    def _bind_row(self, row: Row, by_name: Mapping[str, list[Line]], duplicated: set[str]) -> None:
        known = self.sources.get(row.signal)
        if known is not None and known.series:
            return
        names = [row.source + suffix for suffix in _SUFFIXES[row.kind]]
        found = [(self._rank_of(line), line) for name in names for line in by_name.get(name, [])]
        ranked = [(key, line) for key, line in found if key is not None]
        lines = [line for _, line in ranked]
        problem = _problem(row, lines, duplicated.intersection(names))
        if not problem:
            problem = self._bind_lines(row, ranked)
        if problem:
            earlier = f"{known.reason}; " if known is not None else ""
            self.sources[row.signal] = SignalSource("", reason=earlier + problem)
            return
        shown = lines[0].prefix + row.source
        self.sources[row.signal] = SignalSource(shown, exact=not row.estimate, reason=row.estimate)
        if row.signal in FAST_SIGNALS:
            self.fast_names += (shown,)

    def _bind_plugin(self, by_name: Mapping[str, list[Line]], duplicated: set[str]) -> None:
        """The plugin's rows, but for those that it says it cannot fill from this release's statistics."""
        spoilt = {PLUGIN_PREFIX + line.labels.get("series", ""): line for line in by_name.get(PLUGIN_UNREADABLE, [])}
        for row in PLUGIN_ROWS:
            if row.source in spoilt:
                field = spoilt[row.source].labels.get("field", "")
                self.sources[row.signal] = SignalSource("", reason=f"the plugin cannot read {field} in this vLLM")
            else:
                self._bind_row(row, by_name, duplicated)
        if not self.sources[s.PLUGIN].series:
            self.sources[s.PLUGIN] = SignalSource("", reason=NO_PLUGIN)

    def _bind_lines(self, row: Row, ranked: list[tuple[RankKey, Line]]) -> str:
        """Read a row from its lines; what is wrong with them, "" if nothing is."""
        if row.kind != "histogram":
            self._bind_scalar(row, ranked)
        elif row.edge is None:
            return "" if self._bind_histogram(row, ranked) else f"{row.source} has no usable buckets"
        else:
            bucket = [(key, line) for key, line in ranked if edge(line) == row.edge]
            # A part without it would be missing from the sum.
            if {(key, part(line)) for key, line in bucket} != {(key, part(line)) for key, line in ranked}:
                return f"{row.source} has no bucket up to {row.edge:g}"
            self._bind_scalar(row, bucket)
        return ""

    def _bind_scalar(self, row: Row, ranked: list[tuple[RankKey, Line]]) -> None:
        grouped: dict[tuple[RankKey, str | None], dict[tuple[tuple[str, str], ...], list[int]]]
        grouped = defaultdict(lambda: defaultdict(list))
        for key, line in ranked:
            reason = line.labels.get(row.split, "") if row.split else None
            identity = tuple(sorted(item for item in line.labels.items() if item[0] != PROCESS_LABEL))
            grouped[key, reason][identity].append(line.slot)
        for (key, reason), groups in grouped.items():
            scalar = Scalar(row.signal, reason, row.combine, tuple(tuple(group) for group in groups.values()))
            readers = self._ranks[key]
            target = readers.gauges if row.kind == "gauge" else readers.split if row.split else readers.counters
            target.append(scalar)

    def _bind_histogram(self, row: Row, ranked: list[tuple[RankKey, Line]]) -> bool:
        parts: dict[RankKey, list[Line]] = defaultdict(list)
        for key, line in ranked:
            parts[key].append(line)
        bound = [(key, buckets(row.signal, members)) for key, members in parts.items()]
        usable = [(key, readers) for key, readers in bound if readers is not None]
        for key, readers in usable:
            self._ranks[key].histograms.append(readers)
        return bool(usable)

    def _bind_capacity(self, lines: list[Line]) -> None:
        capacity = vllm_cache_info.capacity_tokens([line.labels for line in lines])
        if capacity is None:
            reason = "cache_config_info does not tell it" if lines else "no cache_config_info on the page"
            self.sources[s.KV_CAPACITY] = SignalSource("", reason=reason)
            return
        self.sources[s.KV_CAPACITY] = SignalSource(lines[0].prefix + CACHE_INFO)
        for readers in self._ranks.values():
            readers.constants[s.KV_CAPACITY] = capacity

    def _rank_of(self, line: Line) -> RankKey | None:
        """The rank a line belongs to; one without a rank of its own counts for the first of its model, once.

        None for a line of a model or rank that the page does not show otherwise.
        """
        return self._first.get((line.labels.get(MODEL_LABEL), line.labels.get(RANK_LABEL)))


class VllmAdapter:
    """Understands any vLLM page from 0.2.6 on. See `engines.base.Adapter`."""

    def bind(self, layout: Layout) -> VllmBinding:
        """Understand a layout. Raises PageError for one of more than MAX_RANKS."""
        found = [_line(slot, series) for slot, series in enumerate(layout.series)]
        lines = [line for line in found if line is not None]
        # An agent that passes on and renames may show everything twice: read under one prefix, nothing counts twice.
        prefixes = Counter(line.prefix for line in lines if line.prefix)
        chosen = max(prefixes, key=prefixes.__getitem__, default="")
        return VllmBinding([line for line in lines if line.prefix in ("", chosen)])


def _line(slot: int, series: Series) -> Line | None:
    """A line that may be of use: one behind vLLM's prefix in any of its forms, the plugin's, or the process's start."""
    if series.name == PROCESS_START or series.name.startswith(PLUGIN_PREFIX):
        return Line(slot, "", series.name, dict(series.labels), series.type)
    for prefix in PREFIXES:
        if series.name.startswith(prefix):
            return Line(slot, prefix, series.name[len(prefix) :], dict(series.labels), series.type)
    return None


def _index(lines: Iterable[Line]) -> tuple[dict[str, list[Line]], set[str]]:
    """Lines by bare name, and the bare names that repeat a series."""
    by_name: dict[str, list[Line]] = defaultdict(list)
    seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    duplicated = set()
    for line in lines:
        identity = (line.bare, frozenset(line.labels.items()))
        if identity in seen:
            duplicated.add(line.bare)
        seen.add(identity)
        by_name[line.bare].append(line)
    return by_name, duplicated


def _rank_keys(by_name: Mapping[str, list[Line]]) -> list[RankKey]:
    """The ranks a page shows, in numerical order, from the lines of table rows."""
    sources = {row.source + suffix for row in ROWS for suffix in _SUFFIXES[row.kind]}
    labels = [line.labels for name in sources for line in by_name.get(name, [])]
    ranked = [at for at in labels if RANK_LABEL in at]
    named = {(at[MODEL_LABEL], at[RANK_LABEL]) for at in ranked if MODEL_LABEL in at}
    keys = named or {(at.get(MODEL_LABEL, ""), at.get(RANK_LABEL, "0")) for at in ranked or labels}
    return [RankKey(*key) for key in sorted(keys, key=lambda key: (key[0], len(key[1]), key[1]))]


def _first_by_labels(keys: Iterable[RankKey]) -> dict[tuple[str | None, str | None], RankKey]:
    """The first rank that a line with such a model and rank may belong to; None is a label that the line lacks."""
    first: dict[tuple[str | None, str | None], RankKey] = {}
    for key in keys:
        for model in (key.model, None):
            for engine in (key.engine, None):
                first.setdefault((model, engine), key)
    return first


def _problem(row: Row, lines: list[Line], duplicated: set[str]) -> str:
    """Why the row cannot be used on this page; "" if it can."""
    if not lines:
        return f"no {row.source} on the page"
    if duplicated:
        return f"{row.source} is on the page twice with the same labels"
    values = len({line.labels.get(row.split) for line in lines}) if row.split else 0
    if values > MAX_SPLIT:
        return f"{row.source} has {values} values of {row.split}, at most {MAX_SPLIT} are read"
    types = {line.type for line in lines} - _TYPES[row.kind] - _UNTYPED
    if types:
        return f"{row.source} is a {min(types)}, expected a {row.kind}"
    return ""
