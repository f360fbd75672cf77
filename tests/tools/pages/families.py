"""Builds the `vllm:` families of a page from the catalogue and the load."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .bounds import bounds
from .cacheconfig import cache_config
from .model import Child, Family, Value, observe
from .spec import MODEL
from .vllm_values import OBSERVED, ORDER, SCALARS, SPLITS, lora_children

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .catalogue import Catalogue, Row
    from .spec import PageSpec, Rank

_ALWAYS = ("always", "series always registered; moves only with --enable-mfu-metrics")
_RUST_LACKS = (
    "cache_config_info",
    "engine_sleep_state",
    "mm_cache_queries_total",
    "mm_cache_hits_total",
    "admission_rejections_total",
    "estimated_flops_per_gpu_total",
    "estimated_read_bytes_per_gpu_total",
    "estimated_write_bytes_per_gpu_total",
)


def short(name: str) -> str:
    """Strip the prefix of a series' name."""
    return name.removeprefix("vllm:")


def _is_on(row: Row, spec: PageSpec) -> bool:
    """Whether the options of the page switch the family on."""
    if row.condition in _ALWAYS:
        return True
    name = short(row.name)
    if name.startswith("spec_decode_"):
        return "spec" in spec.features or spec.engine == "v0"
    if name == "lora_requests_info":
        return "lora" in spec.features or spec.engine == "v0"
    return name == "corrupted_requests_total" and "nans" in spec.features


def shows(row: Row, spec: PageSpec) -> bool:
    """Whether the page has that family."""
    if not row.exists(spec.version, spec.engine) or not _is_on(row, spec):
        return False
    if row.is_hidden(spec.version, spec.engine) and "hidden" not in spec.features:
        return False
    return spec.registry != "rust" or short(row.name) not in _RUST_LACKS


def _base_labels(row: Row, spec: PageSpec, rank: Rank) -> dict[str, str]:
    wanted = row.labels or ()
    labels = {}
    if "model_name" in wanted:
        labels["model_name"] = MODEL
    if "engine" in wanted and spec.has_engine_label:
        labels["engine"] = rank.engine
    return labels


def _split_label(row: Row) -> str:
    return next(label for label in row.labels or () if label not in {"model_name", "engine"})


def _values(row: Row, spec: PageSpec, rank: Rank, catalogue: Catalogue) -> Iterator[tuple[dict[str, str], Value]]:
    """Each child's own labels and value, for one rank."""
    name, load = short(row.name), spec.load(rank)
    if name == "cache_config_info":
        yield cache_config(spec, rank.engine), 1.0
    elif name == "lora_requests_info":
        yield from lora_children(spec)
    elif name in OBSERVED and row.buckets:
        yield {}, observe(OBSERVED[name](load, spec), bounds(catalogue, row.buckets, spec))
    elif name in SPLITS:
        label = _split_label(row)
        yield from (({label: key}, value) for key, value in SPLITS[name](load, spec).items())
    elif name in SCALARS and _is_sampled(name, spec):
        yield {}, SCALARS[name](load, spec)


def _is_sampled(name: str, spec: PageSpec) -> bool:
    """V0 registers speculation's series always but gives them a sample only when it speculates."""
    return not name.startswith("spec_decode_") or "spec" in spec.features


def _is_shown(kind: str, value: Value, spec: PageSpec) -> bool:
    """Ray drops increments of 0; V0 and Ray show a histogram from its first observation on."""
    if spec.precreates or kind == "gauge":
        return True
    if isinstance(value, float | int):
        return spec.registry != "ray" or value != 0
    return value.count > 0


def _per_process(row: Row, spec: PageSpec, child: Child) -> Iterator[Child]:
    """Split the KV gauge, which had no multiprocess mode in 0.9.2-0.11.0, into one series per API server."""
    if not (spec.pids and short(row.name) == "kv_cache_usage_perc" and isinstance(child.value, float)):
        yield child
        return
    for age, pid in enumerate(reversed(spec.pids)):
        yield Child({**child.labels, "pid": pid}, child.value / 2**age)


def _children(row: Row, spec: PageSpec, rank: Rank, catalogue: Catalogue) -> Iterator[Child]:
    base = {**_base_labels(row, spec, rank), **rank.ray}
    for labels, value in _values(row, spec, rank, catalogue):
        if _is_shown(row.kind, value, spec):
            yield from _per_process(row, spec, Child({**base, **labels}, value))


def _family(row: Row, spec: PageSpec, catalogue: Catalogue) -> Family:
    found: dict[frozenset[tuple[str, str]], Child] = {}
    for rank in spec.ranks:
        # Series without an engine label are one, however many ranks there are.
        for child in _children(row, spec, rank, catalogue):
            found.setdefault(frozenset(child.labels.items()), child)
    return Family(row.name, row.kind, row.help, tuple(found.values()))


def _position(family: Family) -> int:
    name = short(family.name)
    return ORDER.index(name) if name in ORDER else len(ORDER)


_INVENTED = (
    Family("vllm:scheduler_pressure_ratio", "gauge", "Backlog over batch capacity", (Child({}, 0.375),)),
    Family("vllm:speculative_prefills_total", "counter", "Prefills begun before admission", (Child({}, 17.0),)),
    Family(
        "vllm:request_first_schedule_seconds",
        "histogram",
        "Arrival to first schedule",
        (Child({}, observe((0.03125, 0.25, 0.25, 2.0), (0.1, 1.0))),),
    ),
)


def _future(families: list[Family]) -> list[Family]:
    """Make it a release after the newest known: families nobody has seen, the KV gauge under a new name."""
    labels = {"model_name": MODEL, "engine": "0"}
    renamed = [
        replace(family, name="vllm:kv_cache_occupancy_ratio") if family.name == "vllm:kv_cache_usage_perc" else family
        for family in families
    ]
    new = [replace(f, children=tuple(Child(labels, child.value) for child in f.children)) for f in _INVENTED]
    return renamed + new


def vllm_families(spec: PageSpec, catalogue: Catalogue) -> list[Family]:
    """Build the page's `vllm:` families in order of registration; some are declared and have no child yet."""
    if "no-stats" in spec.features:
        return []
    rows = [row for row in catalogue.rows if shows(row, spec)]
    families = sorted((_family(row, spec, catalogue) for row in rows), key=_position)
    if spec.engine == "v1":
        families.sort(key=lambda family: family.name == "vllm:cache_config_info")
    return _future(families) if "future" in spec.features else families
