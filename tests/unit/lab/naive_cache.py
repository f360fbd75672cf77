"""A prefix cache written plainly, one block at a time: every free block in one list, every known block in a dict."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.lab.naive_scheduler import Job

Known = tuple[str, int]
"""What a block holds: the stream (or the request that left it) and the number of the block in it."""


class NaiveCache:
    """Blocks by number. `queue` is the free ones, the longest free first."""

    def __init__(self, blocks: int, size: int, *, enabled: bool) -> None:
        self.size = size
        self.enabled = enabled
        self.queue = list(range(blocks))
        self.refs = [0] * blocks
        self.known: dict[Known, int] = {}

    @property
    def free(self) -> int:
        """Blocks that nobody holds."""
        return len(self.queue)

    def find(self, job: Job, target: int) -> list[int]:
        """Return the leading blocks that are known for a job of `target` tokens, one token left to compute."""
        most, found = (target - 1) // self.size, []
        stream = job.request.prefix
        if self.enabled and stream is not None:
            for index in range(min(most, self.of_stream(job, target))):
                if (stream, index) not in self.known:
                    break
                found.append(self.known[stream, index])
        job.shared = len(found)
        if len(found) == job.own_from:
            for index in range(len(found), most):
                if (self._own(job), index) not in self.known:
                    break
                found.append(self.known[self._own(job), index])
        return found

    def hold(self, job: Job, found: list[int]) -> None:
        """Hold known blocks for a job, and forget what else it left at its preemption."""
        for block in found:
            if not self.refs[block]:
                self.queue.remove(block)
            self.refs[block] += 1
            job.blocks.append(block)
        self.forget(job)
        job.follows = self.enabled and job.request.prefix is not None

    def take(self, job: Job, count: int) -> None:
        """Hold `count` new blocks for a job; what they held is forgotten."""
        for _ in range(count):
            block = self.queue.pop(0)
            self.known = {key: value for key, value in self.known.items() if value != block}
            self.refs[block] = 1
            job.blocks.append(block)

    def filled(self, job: Job, tokens: int) -> bool:
        """Let others find the blocks of the stream that a job has filled; False when it added none."""
        before = job.shared
        while job.follows and job.shared < min(tokens // self.size, self.of_stream(job, tokens)):
            key = (job.request.prefix or "", job.shared)
            if key in self.known:
                job.follows = False
            else:
                self.known[key] = job.blocks[job.shared]
                job.shared += 1
        return job.shared > before

    def release(self, job: Job, *, preempted: bool) -> None:
        """Free a job's blocks, the last one first."""
        added = self.filled(job, job.computed)
        if self.enabled and preempted and not added:
            job.own_from = job.shared
            for index in range(job.shared, job.computed // self.size):
                self.known[self._own(job), index] = job.blocks[index]
        for block in reversed(job.blocks):
            self.refs[block] -= 1
            if not self.refs[block]:
                self.queue.append(block)
        job.blocks, job.shared, job.follows = [], 0, False

    def forget(self, job: Job) -> None:
        """Forget what a job left at its preemption."""
        self.known = {key: value for key, value in self.known.items() if key[0] != self._own(job)}
        job.own_from = -1

    def of_stream(self, job: Job, tokens: int) -> int:
        """Return how many whole blocks of `tokens` tokens are of the job's stream."""
        request = job.request
        return (tokens if request.prefix_tokens >= request.prompt_tokens else min(tokens, request.prefix_tokens)) // (
            self.size
        )

    @staticmethod
    def _own(job: Job) -> str:
        return f"request {job.request.id}"
