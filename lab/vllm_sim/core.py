"""vLLM's scheduler as a discrete-event model in virtual time: no I/O, no clock, no chance.

What it does is read from vLLM's V1 scheduler (first come, first served): running requests first, one token
each, then the rest of a prompt that did not fit the last step, then waiting requests while the token
budget, the sequence cap and the KV blocks allow. A request is admitted when its whole prompt fits the free
blocks (`scheduler_reserve_full_isl`, on by default in recent releases). When a running request needs a block
and none is free, the one admitted last loses its blocks and goes to the head of the queue, to be computed
anew; a step that preempts admits nobody. The state is published at the end of a step.
"""

from __future__ import annotations

from collections import OrderedDict
from math import inf
from typing import Protocol

from lab.vllm_sim.decode import DecodeGroup
from lab.vllm_sim.kv import BlockPool, blocks_for
from lab.vllm_sim.prefix import PrefixCache
from lab.vllm_sim.requests import Request, Sequence, State
from lab.vllm_sim.shape import EngineShape, StepTime
from lab.vllm_sim.stats import EngineStats, Gauges

__all__ = ["Engine", "EngineShape", "Observer", "StepTime"]


class Observer(Protocol):
    """Who wants to hear of requests as they progress, with exact times."""

    def first_token(self, seq: Sequence, now: float) -> None:
        """Take note that `seq` has its first token."""

    def finished(self, seq: Sequence, now: float) -> None:
        """Take note that `seq` has its last token."""


class Engine:
    """One vLLM engine. `next_end` is when the step in progress ends, infinity when there is none.

    `cold` says that the process has just started; `steps` counts the steps from there.
    """

    def __init__(self, shape: EngineShape, stats: EngineStats, observer: Observer, *, cold: bool = False) -> None:
        self.shape = shape
        self.stats = stats
        self.observer = observer
        self.blocks = BlockPool(shape.num_gpu_blocks - 1)
        self.prefixes = PrefixCache(self.blocks, shape.block_size, enabled=shape.prefix_caching)
        self.group = DecodeGroup(shape.block_size)
        self.slowdown = 1.0
        self.stale = False
        self.steps = 0 if cold else shape.cold_start.steps
        self.next_end = inf
        self._last_end = 0.0
        self._frozen_at: float | None = None
        self._left_at_freeze = inf
        self._inbox: dict[int, Sequence] = {}
        self._waiting: OrderedDict[int, Sequence] = OrderedDict()
        self._running: dict[int, Sequence] = {}
        self._prefills: list[Sequence] = []
        self._partial: Sequence | None = None
        self._watched: dict[int, Sequence] = {}

    @property
    def running(self) -> int:
        """Requests in the batch now; the published gauge is of the last step's end."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Requests in the queue now, those not yet seen by the scheduler included."""
        return len(self._waiting) + len(self._inbox)

    @property
    def frozen(self) -> bool:
        """Whether the scheduler stands still."""
        return self._frozen_at is not None

    def submit(self, request: Request, now: float) -> Sequence:
        """Take a request; it reaches the queue when the next step begins."""
        seq = Sequence(request)
        self._inbox[request.id] = seq
        if request.sink is not None:
            self._watched[request.id] = seq
        if self.next_end == inf and not self.frozen:
            self._begin(now)
        return seq

    def drop(self, request_id: int) -> bool:
        """Forget a request whose client went away, which no finished counter sees; False if it is not here."""
        for place in (self._running, self._waiting, self._inbox):
            seq = place.pop(request_id, None)
            if seq is not None:
                if seq.state is State.RUNNING:
                    self._free(seq)
                self.prefixes.forget(seq)
                seq.state = State.GONE
                self._watched.pop(request_id, None)
                return True
        return False

    def freeze(self, now: float) -> None:
        """Stop in the middle of whatever goes on."""
        if not self.frozen:
            self._frozen_at = now
            self._left_at_freeze = self.next_end - now
            self.next_end = inf

    def thaw(self, now: float) -> None:
        """Go on where `freeze` stopped."""
        if not self.frozen:
            return
        self._frozen_at = None
        self.next_end = now + self._left_at_freeze
        if self.next_end == inf:
            self._begin(now)

    def complete(self) -> None:
        """End the step in progress, publish the state, and begin the next step if there is work."""
        now = self.next_end
        decoded = self.group.size
        ended = self.group.advance()
        if decoded:
            self.stats.inter_token_latency.observe(now - self._last_end, decoded)
        for seq in ended:
            self._free_ended(seq)
            self._leave(seq, now)
        cached_before = self.stats.cached_tokens
        prompt_tokens, prefilled = self._complete_prefills(now)
        self.stats.step(prompt_tokens, decoded + prefilled, self.stats.cached_tokens - cached_before)
        self._last_end = now
        self._tell_watchers()
        if not self.stale:
            self.stats.gauges = Gauges(len(self._running), len(self._waiting), self.blocks.usage)
        self._begin(now)

    def _begin(self, now: float) -> None:
        for seq in self._inbox.values():
            seq.state, seq.queued_at = State.WAITING, now
        self._waiting.update(self._inbox)
        self._inbox.clear()
        self._prefills = []
        if not self._running and not self._waiting:
            self.next_end = inf
            return
        room = self._make_room()
        budget = self.shape.max_num_batched_tokens - self.group.size
        chunk = self._continue_partial(budget)
        if room and chunk is not None:
            chunk += self._admit(budget - chunk, now)
        self.next_end = now + self._duration(chunk or 0)

    def _duration(self, prefill_tokens: int) -> float:
        """Return how long the step takes that is about to begin."""
        group, shape = self.group, self.shape
        cold = shape.cold_start.slowdown(self.steps)
        self.steps += 1
        return shape.step_time.seconds(prefill_tokens, group.size, self.slowdown, group.context) * cold

    def _make_room(self) -> bool:
        """Hold the blocks that the decoding sequences open in this step; False if that took a preemption."""
        room = True
        while self.group.demand() > self.blocks.free:
            self._preempt(next(reversed(self._running.values())))
            room = False
        self.blocks.take(self.group.demand())
        self.group.in_step = True
        return room

    def _preempt(self, seq: Sequence) -> None:
        if seq.decoding:
            seq.last_token_at = self._last_end
        del self._running[seq.request.id]
        self._free(seq, preempted=True)
        seq.state, seq.prefilled = State.WAITING, 0
        seq.preemptions += 1
        self.stats.preemptions += 1
        self._waiting[seq.request.id] = seq
        self._waiting.move_to_end(seq.request.id, last=False)

    def _free(self, seq: Sequence, *, preempted: bool = False) -> None:
        if seq.decoding:
            computed, blocks = self.group.computed(seq), self.group.blocks(seq)
            self.group.leave(seq)
        else:
            computed, blocks = seq.prefilled, blocks_for(seq.prefilled, self.shape.block_size)
            if seq is self._partial:
                self._partial = None
        self.prefixes.leave(seq, computed, blocks, preempted=preempted)

    def _continue_partial(self, budget: int) -> int | None:
        """Compute more of the prompt that did not fit the last step; None if it had to be preempted."""
        seq = self._partial
        if seq is None:
            return 0
        chunk = self._prefill(seq, budget)
        if chunk is None:
            self._preempt(seq)
        return chunk

    def _admit(self, budget: int, now: float) -> int:
        """Move waiting requests into the batch; return the tokens they compute in this step."""
        spent = 0
        while self._waiting and spent < budget and len(self._running) < self.shape.max_num_seqs:
            seq = next(iter(self._waiting.values()))
            seq.target = seq.tokens_to_prefill
            hit = self.prefixes.find(seq)
            if hit.need > self.blocks.free:
                break
            self.prefixes.begin(seq, hit)
            spent += self._prefill(seq, budget - spent) or 0
            del self._waiting[seq.request.id]
            self._running[seq.request.id] = seq
            seq.state = State.RUNNING
            if seq.scheduled_at is None:
                seq.scheduled_at, seq.cached_tokens = now, hit.tokens
                self.stats.scheduled(seq)
        return spent

    def _prefill(self, seq: Sequence, budget: int) -> int | None:
        """Compute up to `budget` tokens of a prompt; None if its blocks are not free."""
        chunk = min(seq.target - seq.prefilled, budget)
        size = self.shape.block_size
        blocks = blocks_for(seq.prefilled + chunk, size) - blocks_for(seq.prefilled, size)
        if blocks > self.blocks.free:
            return None
        self.blocks.take(blocks)
        seq.prefilled += chunk
        self.prefixes.computed(seq)
        self._partial = seq if seq.prefilled < seq.target else None
        self._prefills.append(seq)
        return chunk

    def _complete_prefills(self, now: float) -> tuple[int, int]:
        """Give each sequence whose prefill ends its token; return prompt tokens computed and tokens given."""
        prompt_tokens = given = 0
        for seq in self._prefills:
            if seq.state is not State.RUNNING or seq.prefilled < seq.target:
                continue
            given += 1
            if seq.first_token_at is None:
                seq.first_token_at = now
                prompt_tokens += seq.request.prompt_tokens - seq.cached_tokens
                self.stats.first_token(seq, now)
                self.observer.first_token(seq, now)
            else:
                self.stats.inter_token_latency.observe(now - seq.last_token_at)
            self._join(seq, now)
        return prompt_tokens, given

    def _join(self, seq: Sequence, now: float) -> None:
        generated = seq.generated + 1
        if generated < seq.request.output_tokens:
            self.group.join(seq, generated)
            return
        self._free(seq)
        seq.generated = generated
        self._leave(seq, now)

    def _free_ended(self, seq: Sequence) -> None:
        """Free the blocks of a sequence that the group has let go, its last token given."""
        self.prefixes.leave(seq, self.group.computed(seq), self.group.blocks(seq), preempted=False)

    def _leave(self, seq: Sequence, now: float) -> None:
        seq.last_token_at = now
        seq.state = State.GONE
        del self._running[seq.request.id]
        if seq.first_token_at is not None and seq.scheduled_at is not None:
            self.stats.finish(seq, seq.first_token_at, seq.scheduled_at)
        self.observer.finished(seq, now)
        if self._watched.pop(seq.request.id, None) and seq.request.sink:
            seq.request.sink(seq.generated, seq.request.reason)

    def _tell_watchers(self) -> None:
        for seq in self._watched.values():
            if seq.decoding:
                generated = self.group.generated(seq)
                if generated > seq.reported and seq.request.sink:
                    seq.reported = generated
                    seq.request.sink(generated, None)
