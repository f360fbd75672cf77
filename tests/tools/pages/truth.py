"""The manifest: what each page encodes, counted from the load and not read back from the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bounds import bounds
from .cacheconfig import capacity_tokens
from .families import short
from .model import observe
from .page import engine_families
from .spec import MODEL, START
from .vllm_values import OBSERVED, SCALARS, SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .catalogue import Catalogue
    from .spec import PageSpec, Rank
    from .workload import Load

SCHEMA = 1

_COUNTS: Mapping[str, tuple[str, ...]] = {
    "requests_running": ("num_requests_running",),
    "requests_waiting": ("num_requests_waiting",),
    "requests_swapped": ("num_requests_swapped",),
    "kv_cache_usage": ("kv_cache_usage_perc", "gpu_cache_usage_perc"),
    "preemptions": ("num_preemptions_total",),
    "prompt_tokens": ("prompt_tokens_total",),
    "prompt_tokens_cached": ("prompt_tokens_cached_total", "prefix_cache_hits_total"),
    "generation_tokens": ("generation_tokens_total",),
    "requests_corrupted": ("corrupted_requests_total",),
    "spec_decode_draft_tokens": ("spec_decode_num_draft_tokens_total",),
    "spec_decode_accepted_tokens": ("spec_decode_num_accepted_tokens_total",),
}
_HISTOGRAMS: Mapping[str, tuple[str, ...]] = {
    "time_to_first_token": ("time_to_first_token_seconds",),
    "inter_token_latency": ("inter_token_latency_seconds", "time_per_output_token_seconds"),
    "time_per_output_token": ("request_time_per_output_token_seconds",),
    "request_duration": ("e2e_request_latency_seconds",),
    "queue_time": ("request_queue_time_seconds",),
    "generation_length": ("request_generation_tokens",),
    "max_tokens_asked": ("request_params_max_tokens",),
    "engine_steps": ("iteration_tokens_total",),
}
_CONTENT_TYPES = {
    "rust": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "aioprometheus": "text/plain; version=0.0.4; charset=utf-8",
}
_NAME_FILTER = {"single": "honoured", "multiprocess": "empty"}


def _first(names: Sequence[str], present: frozenset[str]) -> str | None:
    return next((name for name in names if name in present), None)


def _count(names: Sequence[str], present: frozenset[str], load: Load, spec: PageSpec) -> float | None:
    name = _first(names, present)
    return None if name is None else SCALARS[name](load, spec)


def _histogram(names: Sequence[str], present: frozenset[str], load: Load, spec: PageSpec) -> dict[str, float] | None:
    name = _first(names, present)
    if name is None:
        return None
    seen = observe(OBSERVED[name](load, spec), ())
    return {"count": seen.count, "sum": seen.total}


def _at_most_one(name: str, present: frozenset[str], load: Load, spec: PageSpec, *, counted: bool) -> int | None:
    """Count requests in the bucket at 1 token; None where the page has no such bucket."""
    if name not in present or not counted:
        return None
    return sum(value <= 1 for value in OBSERVED[name](load, spec))


def _rank(spec: PageSpec, rank: Rank, present: frozenset[str], catalogue: Catalogue) -> dict[str, Any]:
    load = spec.load(rank)
    counted = 1.0 in bounds(catalogue, "tokens_125", spec)
    return {
        "engine": rank.engine,
        "worker": rank.ray.get("WorkerId"),
        **{signal: _count(names, present, load, spec) for signal, names in _COUNTS.items()},
        "kv_cache_capacity": capacity_tokens(spec) if "cache_config_info" in present else None,
        "requests_finished": spec.finished(load) if "request_success_total" in present else None,
        **{signal: _histogram(names, present, load, spec) for signal, names in _HISTOGRAMS.items()},
        "generated_at_most_1": _at_most_one("request_generation_tokens", present, load, spec, counted=counted),
        "asked_at_most_1": _at_most_one("request_params_max_tokens", present, load, spec, counted=counted),
    }


def _rejected(spec: PageSpec, present: frozenset[str]) -> dict[str, float] | None:
    """Rejections belong to the front end, not to a rank: the series has no engine label."""
    if "admission_rejections_total" not in present:
        return None
    return dict(SPLITS["admission_rejections_total"](spec.load(spec.ranks[0]), spec))


def entry(spec: PageSpec, catalogue: Catalogue) -> dict[str, Any]:
    """Give the page's entry in the manifest."""
    families = engine_families(spec, catalogue)
    present = frozenset(short("vllm:" + f.name.removeprefix(spec.prefix)) for f in families if f.children)
    ranks = [_rank(spec, rank, present, catalogue) for rank in spec.ranks] if present else []
    return {
        "file": spec.file,
        "version": spec.release,
        "engine": spec.engine,
        "frontend": "rust" if spec.registry == "rust" else "python",
        "variant": spec.variant or "plain",
        "stands_for": spec.stands_for,
        "registry": spec.registry,
        "prefix": spec.prefix if present else None,
        "content_type": _CONTENT_TYPES.get(spec.registry, "text/plain; version=0.0.4; charset=utf-8"),
        "name_filter": _NAME_FILTER.get(spec.registry, "unsupported"),
        "model": MODEL if present else None,
        "process_start_time": START if spec.has_process_series else None,
        "requests_rejected": _rejected(spec, present),
        "ranks": ranks,
    }
