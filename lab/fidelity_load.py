"""The loads of the fidelity check: what is sent to the real engine, and to the model."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from random import Random
from typing import TYPE_CHECKING

from lab.vllm_sim.workload import Arrivals, Lengths, Phase, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_SIZE = 128
"""Tokens in a KV block of the CPU back end."""
MAX_MODEL_LEN = 2048


@dataclass(frozen=True, slots=True)
class Shape:
    """How the engine under test is started; the same numbers shape the model."""

    max_num_seqs: int
    num_gpu_blocks: int
    max_num_batched_tokens: int

    def arguments(self) -> tuple[str, ...]:
        """Return vLLM's command line."""
        options = {
            "--max-num-seqs": self.max_num_seqs,
            "--num-gpu-blocks-override": self.num_gpu_blocks,
            "--max-num-batched-tokens": self.max_num_batched_tokens,
        }
        return tuple(str(part) for option in options.items() for part in option)


@dataclass(frozen=True, slots=True)
class Load:
    """Requests for one engine: a rise past capacity, a plateau and a fall. `ramp` lists (seconds, req/s at the end)."""

    name: str
    shape: Shape
    ramp: tuple[tuple[float, float], ...]
    prompt: Lengths
    output: Lengths
    seed: int

    def sends(self) -> Iterator[tuple[float, int, int]]:
        """Yield (seconds from the start, prompt tokens, output tokens) of every request."""
        rng = Random(f"{self.seed}:lengths")  # noqa: S311 - a load's chance, not a secret
        arrivals = Arrivals(Traffic(self._phases(), loop=False), self.seed)
        end = sum(seconds for seconds, _ in self.ramp)
        while arrivals.next_time < end:
            prompt = min(self.prompt.draw(rng), MAX_MODEL_LEN // 2)
            yield arrivals.next_time, prompt, min(self.output.draw(rng), MAX_MODEL_LEN // 2)
            arrivals.advance()

    def _phases(self) -> tuple[Phase, ...]:
        before, phases = self.ramp[0][1], []
        for seconds, rate in self.ramp:
            phases.append(Phase(seconds, before, rate, self.prompt, self.output))
            before = rate
        return tuple(phases)


KV_BOUND = Shape(max_num_seqs=32, num_gpu_blocks=48, max_num_batched_tokens=2048)
CAP_BOUND = Shape(max_num_seqs=12, num_gpu_blocks=192, max_num_batched_tokens=512)

LOADS = (
    Load("kv-fit", KV_BOUND, ((10, 3), (15, 14), (10, 14), (10, 2)), Lengths(200, log(2)), Lengths(140, 0.6), seed=5),
    Load("kv-test", KV_BOUND, ((8, 2), (12, 16), (6, 4), (10, 10)), Lengths(350, 0.5), Lengths(100, 0.5), seed=6),
    Load("cap-test", CAP_BOUND, ((8, 2), (15, 12), (8, 12), (8, 2)), Lengths(150, 0.5), Lengths(160, 0.5), seed=7),
)
"""The first is fitted on; the others, with other lengths, rates and another bound, are predicted."""

SHORT = Load("short", KV_BOUND, ((3, 3), (10, 25), (5, 2)), Lengths(200, 0.5), Lengths(140, 0.5), seed=8)
"""A load for CI: past capacity and back."""
