"""vLLM's scheduling loop written plainly, one request and one token at a time: the oracle of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, inf
from typing import TYPE_CHECKING

from tests.unit.lab.naive_cache import NaiveCache

if TYPE_CHECKING:
    from lab.vllm_sim.core import EngineShape
    from lab.vllm_sim.requests import Request


@dataclass(eq=False)
class Job:
    """One request."""

    request: Request
    generated: int = 0
    computed: int = 0
    cached: int | None = None
    blocks: list[int] = field(default_factory=list)
    shared: int = 0
    follows: bool = False
    own_from: int = -1
    decoding: bool = False
    preemptions: int = 0
    tokens_at: list[float] = field(default_factory=list)


class NaiveEngine:
    """Steps through time as `lab.vllm_sim.core.Engine` does, without its shortcuts."""

    def __init__(self, shape: EngineShape) -> None:
        self.shape = shape
        self.cache = NaiveCache(shape.num_gpu_blocks - 1, shape.block_size, enabled=shape.prefix_caching)
        self.next_end = inf
        self.inbox: list[Job] = []
        self.waiting: list[Job] = []
        self.running: list[Job] = []
        self.scheduled: list[Job] = []
        self.states: list[tuple[float, int, int, int]] = []

    def submit(self, request: Request, now: float) -> Job:
        """Take a request."""
        job = Job(request)
        self.inbox.append(job)
        if self.next_end == inf:
            self._begin(now)
        return job

    def drop(self, job: Job) -> None:
        """Forget a request."""
        for place in (self.inbox, self.waiting, self.running):
            if job in place:
                place.remove(job)
                self._release(job, preempted=False)
                self.cache.forget(job)

    @property
    def free(self) -> int:
        """KV blocks that nobody holds."""
        return self.cache.free

    def complete(self) -> None:
        """End the step, give tokens, begin the next step."""
        now = self.next_end
        for job in self.scheduled:
            total = job.request.prompt_tokens + job.generated
            if job in self.running and job.computed == total:
                job.generated += 1
                job.decoding = True
                job.tokens_at.append(now)
                if job.generated == job.request.output_tokens:
                    self.running.remove(job)
                    self._release(job, preempted=False)
        self.states.append((now, len(self.running), len(self.waiting), self.free))
        self._begin(now)

    def _begin(self, now: float) -> None:
        self.waiting += self.inbox
        self.inbox = []
        self.scheduled = []
        if not self.running and not self.waiting:
            self.next_end = inf
            return
        budget = self.shape.max_num_batched_tokens
        prefill, decodes, context, preempted, index = 0, 0, 0, False, 0
        while index < len(self.running):
            job = self.running[index]
            new = min(job.request.prompt_tokens + job.generated - job.computed, budget)
            while self._need(job, new) > self.free:
                victim = self.running.pop()
                victim.preemptions += 1
                self._release(victim, preempted=True)
                self.waiting.insert(0, victim)
                preempted = True
                if victim is job:
                    break
            else:
                decodes += job.decoding
                context += job.decoding * (job.request.prompt_tokens + job.generated)
                prefill += 0 if job.decoding else new
                budget -= self._schedule(job, new)
                index += 1
        while not preempted and self.waiting and budget and len(self.running) < self.shape.max_num_seqs:
            job = self.waiting[0]
            total = job.request.prompt_tokens + job.generated
            found = self.cache.find(job, total)
            in_use = sum(1 for block in found if self.cache.refs[block])
            if ceil(total / self.shape.block_size) - in_use > self.free:
                break
            self.cache.hold(job, found)
            job.computed = max(len(found) * self.shape.block_size, job.request.cached_tokens)
            if job.cached is None:
                job.cached = job.computed
            new = min(total - job.computed, budget)
            self.running.append(self.waiting.pop(0))
            budget -= self._schedule(job, new)
            prefill += new
        self.next_end = now + self.shape.step_time.seconds(prefill, decodes, context_tokens=context)

    def _need(self, job: Job, new: int) -> int:
        return ceil((job.computed + new) / self.shape.block_size) - len(job.blocks)

    def _schedule(self, job: Job, new: int) -> int:
        self.cache.take(job, self._need(job, new))
        job.computed += new
        if not job.decoding:
            self.cache.filled(job, job.computed)
        self.scheduled.append(job)
        return new

    def _release(self, job: Job, *, preempted: bool) -> None:
        self.cache.release(job, preempted=preempted)
        job.computed = 0
        job.decoding = False
