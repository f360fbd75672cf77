"""vLLM's scheduling loop written plainly, one request and one token at a time: the oracle of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.vllm_sim.core import EngineShape
    from lab.vllm_sim.requests import Request


@dataclass(eq=False)
class Job:
    """One request."""

    request: Request
    generated: int = 0
    computed: int = 0
    blocks: int = 0
    decoding: bool = False
    preemptions: int = 0
    tokens_at: list[float] = field(default_factory=list)


class NaiveEngine:
    """Steps through time as `lab.vllm_sim.core.Engine` does, without its shortcuts."""

    def __init__(self, shape: EngineShape) -> None:
        self.shape = shape
        self.free = shape.num_gpu_blocks - 1
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
                self._release(job)

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
                    self._release(job)
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
        prefill, decodes, preempted, index = 0, 0, False, 0
        while index < len(self.running):
            job = self.running[index]
            new = min(job.request.prompt_tokens + job.generated - job.computed, budget)
            while self._need(job, new) > self.free:
                victim = self.running.pop()
                victim.preemptions += 1
                self._release(victim)
                self.waiting.insert(0, victim)
                preempted = True
                if victim is job:
                    break
            else:
                decodes += job.decoding
                prefill += 0 if job.decoding else new
                budget -= self._schedule(job, new)
                index += 1
        while not preempted and self.waiting and budget and len(self.running) < self.shape.max_num_seqs:
            job = self.waiting[0]
            total = job.request.prompt_tokens + job.generated
            if ceil(total / self.shape.block_size) > self.free:
                break
            job.computed = job.request.cached_tokens
            new = min(total - job.computed, budget)
            self.running.append(self.waiting.pop(0))
            budget -= self._schedule(job, new)
            prefill += new
        self.next_end = now + self.shape.step_time.seconds(prefill, decodes)

    def _need(self, job: Job, new: int) -> int:
        return ceil((job.computed + new) / self.shape.block_size) - job.blocks

    def _schedule(self, job: Job, new: int) -> int:
        blocks = self._need(job, new)
        self.free -= blocks
        job.blocks += blocks
        job.computed += new
        self.scheduled.append(job)
        return new

    def _release(self, job: Job) -> None:
        self.free += job.blocks
        job.blocks = job.computed = 0
        job.decoding = False
