"""The sequences that decode, advanced together so that a step costs the same for one or for a thousand.

Every member gets one token in every step, so its progress is the number of steps since it joined. Two
wheels indexed by step number answer what a step needs to know: who opens a new KV block, and who ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.vllm_sim.kv import blocks_for

if TYPE_CHECKING:
    from lab.vllm_sim.requests import Sequence


class DecodeGroup:
    """Members of the batch past their prefill. `context` is the tokens of all of them, prompt and answer so far."""

    def __init__(self, block_size: int) -> None:
        self.block_size = block_size
        self.step = 0
        self.size = 0
        self.context = 0
        self.in_step = False
        self._opening: list[int] = [0] * block_size
        self._ending: dict[int, dict[int, Sequence]] = {}

    def join(self, seq: Sequence, generated: int) -> None:
        """Add a sequence that has `generated` tokens, fewer than its request will get."""
        seq.generated = generated
        seq.joined = self.step
        seq.last_step = self.step + seq.request.output_tokens - generated
        seq.phase = (self.step - (self._computed_at_join(seq))) % self.block_size
        seq.decoding = True
        self._opening[seq.phase] += 1
        self._ending.setdefault(seq.last_step, {})[seq.request.id] = seq
        self.size += 1
        self.context += self._computed_at_join(seq) + 1

    def leave(self, seq: Sequence) -> None:
        """Take a member out and fix its token count."""
        self._forget(seq)
        ending = self._ending[seq.last_step]
        del ending[seq.request.id]
        if not ending:
            del self._ending[seq.last_step]

    def generated(self, seq: Sequence) -> int:
        """Tokens that a member has, the one of a step in progress not counted."""
        return seq.generated + self.step - seq.joined

    def computed(self, seq: Sequence) -> int:
        """Tokens of a member whose KV is in its blocks, the one of a step in progress counted."""
        return self._computed_at_join(seq) + self.step - seq.joined + self.in_step

    def blocks(self, seq: Sequence) -> int:
        """KV blocks that a member holds, the one opened by a step in progress counted."""
        return blocks_for(self.computed(seq), self.block_size)

    def opens_block(self, seq: Sequence) -> bool:
        """Say whether a member's next token needs a new block."""
        return seq.phase == self.step % self.block_size

    def demand(self) -> int:
        """Return how many new blocks the next step needs for all members."""
        return self._opening[self.step % self.block_size]

    def advance(self) -> list[Sequence]:
        """Give every member its token; take out and return those for which it was the last."""
        self.in_step = False
        self.step += 1
        self.context += self.size
        ended = list(self._ending.pop(self.step, {}).values())
        for seq in ended:
            self._forget(seq)
        return ended

    def _forget(self, seq: Sequence) -> None:
        seq.generated = self.generated(seq)
        self.context -= seq.request.prompt_tokens + seq.generated
        seq.joined = self.step
        seq.decoding = False
        self._opening[seq.phase] -= 1
        self.size -= 1

    def _computed_at_join(self, seq: Sequence) -> int:
        # The token sampled last has no KV yet: the next step computes it.
        return seq.request.prompt_tokens + seq.generated - 1
