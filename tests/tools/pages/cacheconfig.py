"""Labels of `cache_config_info`: a subset of the cache configuration that was true of the release's era.

`block_size`, `num_gpu_blocks`, `kv_cache_size_tokens`, `prefix_match_unit` and `hash_block_size` follow the
recorded facts; the ranges of the others are plausible, nothing may depend on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .catalogue import Span, Version, version
from .workload import BLOCK_SIZE, BLOCKS

if TYPE_CHECKING:
    from .spec import PageSpec


def _span(low: str, high: str | None = None) -> Span:
    return Span(version(low), version(high) if high else None)


_FIXED: tuple[tuple[str, Span, str], ...] = (
    ("block_size", _span("0.3.3"), str(BLOCK_SIZE)),
    ("cache_dtype", _span("0.3.3"), "auto"),
    ("gpu_memory_utilization", _span("0.3.3"), "0.9"),
    ("sliding_window", _span("0.3.3"), "None"),
    ("swap_space_bytes", _span("0.3.3", "0.17.0"), "4294967296"),
    ("num_gpu_blocks_override", _span("0.4.1"), "None"),
    ("enable_prefix_caching", _span("0.4.1", "0.5.5"), "False"),
    ("enable_prefix_caching", _span("0.6.0"), "True"),
    ("cpu_offload_gb", _span("0.5.5", "0.17.0"), "0"),
    ("is_attention_free", _span("0.6.4"), "False"),
    ("swap_space", _span("0.6.4", "0.17.0"), "4"),
    ("calculate_kv_scales", _span("0.7.0", "0.17.0"), "False"),
    ("prefix_caching_hash_algo", _span("0.8.0", "0.10.2"), "builtin"),
    ("prefix_caching_hash_algo", _span("0.11.0"), "sha256"),
    ("kv_sharing_fast_prefill", _span("0.10.0"), "False"),
    ("mamba_cache_dtype", _span("0.10.1"), "auto"),
    ("mamba_ssm_cache_dtype", _span("0.10.1"), "auto"),
    ("mamba_block_size", _span("0.11.0"), "None"),
    ("kv_cache_memory_bytes", _span("0.11.0"), "None"),
    ("kv_offloading_backend", _span("0.14.0"), "native"),
    ("user_specified_block_size", _span("0.18.0"), "False"),
    ("hash_block_size", _span("0.20.0", "0.25.1"), str(BLOCK_SIZE)),
    ("hash_block_size", _span("0.32.0"), "None"),
    ("kv_cache_max_concurrency", _span("0.24.0"), "16.0"),
    # Per engine, unlike num_gpu_blocks, which the front end sums over its ranks.
    ("kv_cache_size_tokens", _span("0.24.0"), str(BLOCK_SIZE * BLOCKS)),
    ("prefix_match_unit", _span("0.26.0"), "None"),
)

_KNOWS_BLOCKS: Version = (0, 9, 0)
_API_SERVERS_KNOW_BLOCKS: Version = (0, 16, 0)


def _knows_blocks(spec: PageSpec) -> bool:
    if spec.engine == "v0":
        return True
    return spec.version >= (_API_SERVERS_KNOW_BLOCKS if spec.registry == "multiprocess" else _KNOWS_BLOCKS)


def cache_config(spec: PageSpec, engine: str) -> dict[str, str]:
    """Labels of the info series of one engine."""
    labels = {name: value for name, span, value in _FIXED if spec.version in span}
    labels["num_cpu_blocks"] = "2048" if spec.engine == "v0" else "None"
    labels["num_gpu_blocks"] = str(BLOCKS * spec.managed) if _knows_blocks(spec) else "None"
    if spec.engine == "v1" and spec.version >= _KNOWS_BLOCKS:
        labels["engine"] = engine
    if "future" in spec.features:
        labels["kv_cache_tier_policy"] = "lru"
    return labels


def capacity_tokens(spec: PageSpec) -> int | None:
    """KV capacity of one visible rank, as the page tells it; None where it cannot be told."""
    labels = cache_config(spec, "0")
    if "kv_cache_size_tokens" in labels:
        return int(labels["kv_cache_size_tokens"])
    if labels["num_gpu_blocks"] == "None":
        return None
    return int(labels["num_gpu_blocks"]) * BLOCK_SIZE // len({rank.engine for rank in spec.ranks})
