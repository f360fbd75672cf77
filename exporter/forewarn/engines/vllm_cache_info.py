"""KV-cache capacity from vLLM's `cache_config_info`, whose labels are its cache configuration as strings.

The label set changes in nearly every release, so labels are picked by name and never listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAX_DIGITS = 18


def capacity_tokens(infos: Sequence[Mapping[str, str]]) -> float | None:
    """Tokens that one rank's KV cache holds; None when the labels do not tell.

    `kv_cache_size_tokens` (0.24 on) knows hybrid and sliding-window models; before it, blocks × block size.
    `num_gpu_blocks` is the sum over the front end's ranks, repeated on the series of each rank.
    """
    if not infos:
        return None
    size = _positive(infos[0].get("kv_cache_size_tokens"))
    if size is not None:
        return size
    blocks = _positive(infos[0].get("num_gpu_blocks"))
    block_size = _positive(infos[0].get("block_size"))
    if blocks is None or block_size is None:
        return None
    ranks = len({info.get("engine", "0") for info in infos})
    return blocks * block_size / ranks


def _positive(text: str | None) -> float | None:
    """A positive whole number, or None: old releases write the string "None" where they do not know."""
    if text is None or not text.isdecimal():
        return None
    # More digits than a float holds would be infinite.
    return float(text) or None if len(text) <= _MAX_DIGITS else None
