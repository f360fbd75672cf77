"""What an engine is started with, and how fast its hardware is."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_VERSION = "0.32.0"
"""The vLLM release that the page is compared with line by line."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """The time of one step, in seconds: a sum of four terms.

    `base + per_prefill_token * prefill tokens + per_decode_sequence * decoding sequences
    + per_context_token * tokens that the decoding sequences hold`. `base` is reading the weights, the second
    term is compute-bound prefill, the third is sampling and a sequence's fixed cost, the fourth is reading the
    KV of long contexts.
    """

    base: float = 0.012
    per_prefill_token: float = 0.00002
    per_decode_sequence: float = 0.0002
    per_context_token: float = 0.0

    def seconds(
        self, prefill_tokens: int, decode_sequences: int, slowdown: float = 1.0, context_tokens: int = 0
    ) -> float:
        """Return a step's duration; `slowdown` multiplies all but the prefill term."""
        decode = self.base + self.per_decode_sequence * decode_sequences + self.per_context_token * context_tokens
        return decode * slowdown + self.per_prefill_token * prefill_tokens


@dataclass(frozen=True, slots=True)
class ColdStart:
    """The first `steps` steps of a process are slower: the first takes `factor` times as long, the rest ever less.

    It falls in a straight line to 1: kernels are compiled, graphs captured, memory pools filled at first use.
    `from_start` says whether that is so at the beginning of the scenario too, not only after a restart.
    """

    steps: int = 0
    factor: float = 1.0
    from_start: bool = False

    def slowdown(self, step: int) -> float:
        """Return the factor on the duration of step number `step`, the first being 0."""
        return 1.0 + (self.factor - 1.0) * max(0.0, 1.0 - step / self.steps) if self.steps else 1.0


@dataclass(frozen=True, slots=True)
class EngineShape:
    """What `vllm serve` is started with, and how fast its hardware is. `version` is the vLLM release of the page."""

    model: str = "sim-8b"
    max_num_seqs: int = 64
    max_num_batched_tokens: int = 2048
    max_model_len: int = 4096
    num_gpu_blocks: int = 1152
    block_size: int = 16
    step_time: StepTime = StepTime()
    prefix_caching: bool = True
    cold_start: ColdStart = ColdStart()
    version: str = DEFAULT_VERSION

    @property
    def capacity_tokens(self) -> int:
        """Tokens that the KV cache holds for requests; vLLM keeps one block for itself."""
        return (self.num_gpu_blocks - 1) * self.block_size
