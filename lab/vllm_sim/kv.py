"""Paged KV-cache accounting with vLLM's prefix cache: blocks that nobody holds keep what they know until reused.

Free blocks form one queue in the order in which they became free, as in vLLM: a new block is taken from its
head, and what it knew is gone. A request frees its last block first, so a prefix is lost from its end. That
is why a prefix can be kept as a length, and the queue as runs of blocks, whatever their number.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


def blocks_for(tokens: int, block_size: int) -> int:
    """Return how many blocks hold `tokens` tokens."""
    return -(-tokens // block_size)


@dataclass(slots=True, eq=False)
class Prefix:
    """The cached leading blocks of one stream of tokens: `cached` blocks, of which the first `held` are in use.

    `holders` counts the requests per number of leading blocks they hold; `runs` are the free blocks, the end
    of the prefix (freed first) in front.
    """

    cached: int = 0
    held: int = 0
    holders: dict[int, int] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Run:
    """Free blocks that became free together; without a prefix they know nothing that is of use."""

    count: int
    prefix: Prefix | None = None


class BlockPool:
    """A fixed number of KV blocks, some of them held by running requests."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.used = 0
        self._queue = deque((Run(capacity),))

    @property
    def free(self) -> int:
        """Blocks that nobody holds."""
        return self.capacity - self.used

    @property
    def usage(self) -> float:
        """Held blocks as a share of all, 0 to 1: the value of `vllm:kv_cache_usage_perc`."""
        return self.used / self.capacity

    def take(self, blocks: int) -> None:
        """Hold `blocks` more blocks, the longest free first; RuntimeError when there are not that many free."""
        if blocks > self.free:
            raise RuntimeError(f"{blocks} KV blocks asked for, {self.free} free")
        self.used += blocks
        queue = self._queue
        while blocks:
            run = queue[0]
            taken = min(run.count, blocks)
            run.count -= taken
            blocks -= taken
            if run.prefix is not None:
                run.prefix.cached -= taken
            if not run.count:
                queue.popleft()
                if run.prefix is not None and taken:
                    run.prefix.runs.remove(run)

    def give(self, blocks: int) -> None:
        """Free `blocks` blocks that know nothing of use; RuntimeError when fewer are held."""
        self._release(blocks)
        queue = self._queue
        if queue and queue[-1].prefix is None:
            queue[-1].count += blocks
        elif blocks:
            queue.append(Run(blocks))

    def hold(self, prefix: Prefix, blocks: int) -> None:
        """Hold the first `blocks` blocks of a prefix, which are cached."""
        fresh = blocks - prefix.held
        if fresh > 0:
            self._revive(prefix, fresh)
            prefix.held = blocks
        prefix.holders[blocks] = prefix.holders.get(blocks, 0) + 1

    def extend(self, prefix: Prefix, held: int, blocks: int) -> None:
        """Add the blocks that a holder of the whole prefix has taken since to the prefix."""
        self._count_out(prefix, held)
        prefix.holders[blocks] = prefix.holders.get(blocks, 0) + 1
        prefix.cached = prefix.held = blocks

    def let_go(self, prefix: Prefix, held: int) -> None:
        """End one request's hold on its first `held` blocks; those that nobody else holds become free."""
        self._count_out(prefix, held)
        still = max(prefix.holders, default=0)
        if still < prefix.held:
            self._append(prefix, prefix.held - still)
            prefix.held = still

    def keep(self, prefix: Prefix, blocks: int) -> None:
        """Free `blocks` held blocks that go on from the end of the prefix, and remember them."""
        if blocks:
            prefix.cached += blocks
            self._append(prefix, blocks)

    def reclaim(self, prefix: Prefix, blocks: int) -> None:
        """Hold the first `blocks` blocks of a prefix that nobody else will ask for, and forget the rest."""
        self._revive(prefix, blocks)
        prefix.cached = 0
        for run in prefix.runs:
            run.prefix = None
        prefix.runs.clear()

    def _revive(self, prefix: Prefix, blocks: int) -> None:
        self.used += blocks
        while blocks:
            run = prefix.runs[-1]
            taken = min(run.count, blocks)
            run.count -= taken
            blocks -= taken
            if not run.count:
                # The empty run stays in the queue until it comes to its head.
                prefix.runs.pop().prefix = None

    def _append(self, prefix: Prefix, blocks: int) -> None:
        self._release(blocks)
        run = Run(blocks, prefix)
        prefix.runs.append(run)
        self._queue.append(run)

    def _release(self, blocks: int) -> None:
        if blocks > self.used:
            raise RuntimeError(f"{blocks} KV blocks given back, {self.used} held")
        self.used -= blocks

    @staticmethod
    def _count_out(prefix: Prefix, held: int) -> None:
        prefix.holders[held] -= 1
        if not prefix.holders[held]:
            del prefix.holders[held]
