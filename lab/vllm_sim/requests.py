"""What a client asks for, and what the engine remembers about it while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.vllm_sim.kv import Prefix

REASONS = ("stop", "length", "abort", "error", "repetition")
"""The values of `finished_reason`, in the order of vLLM's page."""

Sink = Callable[[int, "str | None"], None]
"""Called with the tokens generated so far and, at the end, the reason of the finish."""


@dataclass(frozen=True, slots=True)
class Request:
    """One completion, with the length and the ending that the simulated model will give it.

    `arrival` is in seconds of virtual time; `max_tokens` is None when the client set none; `sink` marks a live
    client. What the prefix cache holds of the prompt is either stated, as `cached_tokens`, or found out: the
    prompt begins with the first `prefix_tokens` tokens of the stream named `prefix`.
    """

    id: int
    arrival: float
    prompt_tokens: int
    output_tokens: int
    reason: str = "stop"
    max_tokens: int | None = None
    cached_tokens: int = 0
    sink: Sink | None = None
    prefix: str | None = None
    prefix_tokens: int = 0


class State(Enum):
    """Where a sequence is: not yet seen by the scheduler, queued, in the batch, or gone."""

    INBOX = 0
    WAITING = 1
    RUNNING = 2
    GONE = 3


@dataclass(slots=True, eq=False)
class Sequence:
    """A request inside the engine.

    Times are virtual seconds, None before the event. `prefilled` counts the tokens whose KV is computed
    while the sequence prefills, `target` how many that must be. `generated`, `joined`, `last_step` and
    `phase` describe its membership in the decode group. `cached_tokens` is what the prefix cache had for it when it
    was first scheduled. It holds the first `shared` blocks of its stream's prefix, to which it adds while it
    `follows` it; `own` are the blocks that a preemption left, the first being number `own_from`.
    """

    request: Request
    state: State = State.INBOX
    queued_at: float = 0.0
    scheduled_at: float | None = None
    first_token_at: float | None = None
    last_token_at: float = 0.0
    preemptions: int = 0
    prefilled: int = 0
    target: int = 0
    generated: int = 0
    decoding: bool = False
    joined: int = 0
    last_step: int = 0
    phase: int = 0
    reported: int = 0
    shared: int = 0
    follows: bool = False
    cached_tokens: int = 0
    own: Prefix | None = None
    own_from: int = 0

    @property
    def tokens_to_prefill(self) -> int:
        """Prompt tokens, and after a preemption also the tokens generated before it: all are recomputed."""
        return self.request.prompt_tokens + self.generated
