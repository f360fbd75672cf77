"""What differs between the pages of vLLM's releases, V1 engine, 0.8.0 to 0.33.0: rows of a table, not branches.

A family that has no row is on the page of every release covered. Releases between two rows are as the older row.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from lab.vllm_sim.families import FAMILIES, Family, Scope

if TYPE_CHECKING:
    from lab.vllm_sim.values import Child, Labels

Release = tuple[int, ...]
OLDEST, LAST = "0.8.0", "0.33.0"

_PRESENT: tuple[tuple[str, str, str | None], ...] = (
    ("vllm:gpu_cache_usage_perc", "0.8.0", "0.11.0"),
    ("vllm:kv_cache_usage_perc", "0.9.2", None),
    ("vllm:gpu_prefix_cache_queries", "0.8.0", "0.11.0"),
    ("vllm:gpu_prefix_cache_hits", "0.8.0", "0.11.0"),
    ("vllm:prefix_cache_queries", "0.9.2", None),
    ("vllm:prefix_cache_hits", "0.9.2", None),
    ("vllm:time_per_output_token_seconds", "0.8.0", "0.12.0"),
    ("vllm:inter_token_latency_seconds", "0.10.2", None),
    ("vllm:request_time_per_output_token_seconds", "0.11.0", None),
    ("vllm:engine_sleep_state", "0.11.1", None),
    ("vllm:external_prefix_cache_queries", "0.11.1", None),
    ("vllm:external_prefix_cache_hits", "0.11.1", None),
    ("vllm:mm_cache_queries", "0.11.1", None),
    ("vllm:mm_cache_hits", "0.11.1", None),
    ("vllm:request_prefill_kv_computed_tokens", "0.13.0", None),
    ("vllm:prompt_tokens_by_source", "0.16.0", None),
    ("vllm:prompt_tokens_cached", "0.16.0", None),
    ("vllm:prompt_tokens_recomputed", "0.16.0", "0.20.0"),
    ("vllm:estimated_flops_per_gpu", "0.17.0", None),
    ("vllm:estimated_read_bytes_per_gpu", "0.17.0", None),
    ("vllm:estimated_write_bytes_per_gpu", "0.17.0", None),
    ("vllm:num_requests_waiting_by_reason", "0.20.0", None),
    ("vllm:request_num_preemptions", "0.30.0", None),
    ("vllm:prompt_tokens_cached_by_source", "0.32.0", None),
    ("vllm:admission_rejections", "0.32.0", None),
)
"""Family, first release with it, first release without it."""

_CHILDREN: tuple[tuple[str, str, str], ...] = (
    ("finished_reason", "error", "0.13.0"),
    ("finished_reason", "repetition", "0.17.0"),
)
"""Label, value, first release with it."""

_CONFIG: tuple[tuple[str, str], ...] = (
    ("engine", "0.9.0"),
    ("kv_cache_size_tokens", "0.24.0"),
    ("kv_cache_max_concurrency", "0.24.0"),
    ("prefix_match_unit", "0.26.0"),
    ("hash_block_size", "0.32.0"),
    ("user_specified_block_size", "0.18.0"),
    ("_block_size_resolved", "0.18.0"),
)
"""Label of `cache_config_info`, first release with it. Labels that nothing reads are 0.32's in every release."""

_TAILS: tuple[tuple[str, float], ...] = (
    ("vllm:time_to_first_token_seconds", 10.0),
    ("vllm:time_per_output_token_seconds", 2.5),
    ("vllm:e2e_request_latency_seconds", 60.0),
    ("vllm:request_queue_time_seconds", 60.0),
    ("vllm:request_inference_time_seconds", 60.0),
    ("vllm:request_prefill_time_seconds", 60.0),
    ("vllm:request_decode_time_seconds", 60.0),
)
"""Histogram, and its largest bound before 0.8.4."""


def release(text: str) -> Release:
    """Return a release as numbers; ValueError for one whose page this table does not know."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", text) or not _numbers(OLDEST) <= _numbers(text) <= _numbers(LAST):
        raise ValueError(f"expected a vLLM release from {OLDEST} to {LAST}, such as 0.11.0")
    return _numbers(text)


def _numbers(text: str) -> Release:
    return tuple(int(part) for part in text.split("."))


class Dialect:
    """How one release writes its page."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.release = release(version)
        spans = {name: (since, until) for name, since, until in _PRESENT}
        self.families = tuple(
            family for family in FAMILIES if self._has(family, *spans.get(family.name, (OLDEST, None)))
        )
        self.names = tuple(family.exposed for family in self.families)
        self.has_engine_label = self.since("0.8.3")
        self.prefix_in_blocks = not self.since("0.9.0")
        self.cached_in_iterations = not self.since("0.23.0")
        self.tails = {} if self.since("0.8.4") else dict(_TAILS)

    def since(self, version: str) -> bool:
        """Say whether this release is `version` or newer."""
        return self.release >= _numbers(version)

    def scope(self, family: Family) -> tuple[str, ...]:
        """Return the labels that every series of a family carries."""
        return tuple(label for label in family.scope.value if label != "engine" or self.has_engine_label)

    def children(self, family: Family, children: list[Child]) -> list[Child]:
        """Return the children that this release has of those that the newest one has."""
        missing = {(label, value) for label, value, since in _CHILDREN if not self.since(since)}
        if family.name == "vllm:cache_config_info":
            return [type(child)(self._config(child.labels), child.value) for child in children]
        return [child for child in children if not missing.intersection(child.labels)] if missing else children

    def _config(self, labels: Labels) -> Labels:
        dropped = {label for label, since in _CONFIG if not self.since(since)}
        unknown = {} if self.since("0.9.0") else {"num_gpu_blocks": "None"}
        return tuple((name, unknown.get(name, value)) for name, value in labels if name not in dropped)

    def _has(self, family: Family, since: str, until: str | None) -> bool:
        if family.scope is Scope.NONE and family.name.startswith("http_"):
            since = "0.8.3"
        return self.since(since) and (until is None or not self.since(until))


@lru_cache(maxsize=64)
def dialect(version: str) -> Dialect:
    """Return how a release writes its page; ValueError for an unknown one."""
    return Dialect(version)
