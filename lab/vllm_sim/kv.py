"""Paged KV-cache accounting."""

from __future__ import annotations


def blocks_for(tokens: int, block_size: int) -> int:
    """Return how many blocks hold `tokens` tokens."""
    return -(-tokens // block_size)


class BlockPool:
    """A fixed number of KV blocks, some of them held by running requests."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.used = 0

    @property
    def free(self) -> int:
        """Blocks that nobody holds."""
        return self.capacity - self.used

    @property
    def usage(self) -> float:
        """Held blocks as a share of all, 0 to 1: the value of `vllm:kv_cache_usage_perc`."""
        return self.used / self.capacity

    def take(self, blocks: int) -> None:
        """Hold `blocks` more blocks; RuntimeError when there are not that many free."""
        if blocks > self.free:
            raise RuntimeError(f"{blocks} KV blocks asked for, {self.free} free")
        self.used += blocks

    def give(self, blocks: int) -> None:
        """Free `blocks` blocks; RuntimeError when fewer are held."""
        if blocks > self.used:
            raise RuntimeError(f"{blocks} KV blocks given back, {self.used} held")
        self.used -= blocks
