"""A small busy workload that is the same on every machine; every number on a page is counted from it.

Times are whole ticks of 1/1024 s, so their sums are exact in binary floating point and do not depend on the
order of summation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKS = 1024
BLOCK_SIZE = 16
BLOCKS = 2048
DRAFT_TOKENS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """One request that has its first token.

    `reason` is None while it runs or when its client went away. `n` is what the client asked for, 0 in the
    further children of one request. `queue`, `prefill`, `gap` and `stall` are ticks; `stall` lengthens the
    first gap. `burst` is the number of tokens per engine step.
    """

    prompt: int
    cached: int
    generated: int
    asked: int | None
    reason: str | None
    queue: int
    prefill: int
    gap: int
    stall: int
    preempted: int = 0
    n: int = 1
    burst: int = 1

    @property
    def steps(self) -> int:
        """Engine steps after the one that gave the first token."""
        return -(-(self.generated - 1) // self.burst)

    @property
    def gaps(self) -> tuple[float, ...]:
        """Seconds between successive outputs."""
        if self.steps == 0:
            return ()
        return ((self.gap + self.stall) / TICKS, *([self.gap / TICKS] * (self.steps - 1)))

    @property
    def ttft(self) -> float:
        """Seconds from arrival to first token; two ticks pass in the front end."""
        return (2 + self.queue + self.prefill) / TICKS

    @property
    def decode(self) -> float:
        """Seconds from first to last token."""
        return sum(self.gaps)

    @property
    def tpot(self) -> float:
        """Mean seconds per token after the first; 0 for one token, as vLLM has it."""
        return self.decode / (self.generated - 1) if self.generated > 1 else 0.0


@dataclass(frozen=True)
class Load:
    """What one engine has done so far. `finished`, `running` and `dropped` all have their first token."""

    finished: tuple[Request, ...]
    running: tuple[Request, ...]
    dropped: tuple[Request, ...]
    waiting: int
    used_blocks: int

    @cached_property
    def started(self) -> tuple[Request, ...]:
        """Every request whose first token was seen."""
        return self.finished + self.dropped + self.running

    @property
    def kv_usage(self) -> float:
        """Share of the KV blocks in use, 0 to 1."""
        return self.used_blocks / BLOCKS

    @cached_property
    def prompt_tokens(self) -> int:
        """Prompt tokens of every prefilled request, cached ones included."""
        return sum(request.prompt for request in self.started)

    @cached_property
    def cached_tokens(self) -> int:
        """Prompt tokens that came from the prefix cache."""
        return sum(request.cached for request in self.started)

    @cached_property
    def generation_tokens(self) -> int:
        """Generated tokens, those of running and dropped requests included."""
        return sum(request.generated for request in self.started)

    @cached_property
    def preemptions(self) -> int:
        """Preemptions of finished and running requests."""
        return sum(request.preempted for request in self.started)

    @cached_property
    def draft_steps(self) -> int:
        """Steps that verified a draft."""
        return sum(request.steps for request in self.started)

    @cached_property
    def accepted_tokens(self) -> int:
        """Draft tokens that were accepted: everything beyond one token a step."""
        return sum(request.generated - 1 - request.steps for request in self.started)

    def step_tokens(self, *, cached: bool) -> Iterator[int]:
        """Tokens of each engine step: one step per prefill, decodes in batches of seven.

        `cached` counts the prompt tokens of the prefix cache too.
        """
        for request in self.started:
            yield request.prompt - (0 if cached else request.cached) + 1
        left = self.generation_tokens - len(self.started)
        while left > 0:
            yield min(7, left)
            left -= 7

    def finished_by(self, reason: str) -> int:
        """Finished requests with that reason."""
        return sum(request.reason == reason for request in self.finished)


def _random_request(rng: Random) -> Request:
    prompt = 8 + int(rng.random() ** 3 * 1500)
    generated = 2 + int(rng.random() ** 2 * 180)
    stopped = rng.random() < 0.6
    ceiling = generated + 1 + int(rng.random() * 200) if stopped else generated
    return Request(
        prompt=prompt,
        cached=(prompt - 1) // BLOCK_SIZE * BLOCK_SIZE if rng.random() < 0.4 else 0,
        generated=generated,
        asked=None if stopped and rng.random() < 0.3 else ceiling,
        reason="stop" if stopped else "length",
        queue=int(rng.random() ** 4 * 4 * TICKS),
        prefill=10 + int(rng.random() ** 2 * 600),
        gap=8 + int(rng.random() ** 3 * 60),
        stall=(generated - 1) * int(rng.random() ** 4 * 6),
    )


def _requests(seed: int) -> Iterator[Request]:
    # random() alone is the same in every Python release; the other methods are not promised to be.
    rng = Random(7919 + seed)  # noqa: S311  a reproducible workload, no secret
    while True:
        yield _random_request(rng)


def _mark(requests: list[Request], position: int, **changes: object) -> None:
    requests[position] = replace(requests[position], **changes)  # type: ignore[arg-type]  # keywords vary


def _finished(source: Iterator[Request], seed: int) -> list[Request]:
    finished = list(islice(source, 57 + 8 * seed))
    for position in (3, 11):
        _mark(finished, position, generated=1, asked=1, reason="length", stall=0)
    for position in (5, 17, 29)[: 2 + seed % 2]:
        _mark(finished, position, generated=1, asked=256, reason="stop", stall=0)
    _mark(finished, 20, n=2)
    _mark(finished, 21, n=0)
    for position, reason in ((24, "abort"), (33, "error"), (41, "repetition")):
        _mark(finished, position, reason=reason)
    _mark(finished, 8, preempted=1)
    _mark(finished, 14, preempted=2 + seed)
    return finished


@lru_cache
def busy(seed: int, *, burst: int = 1) -> Load:
    """Load an engine: at least 7 running, 3 waiting, 4 preemptions; `seed` tells ranks apart."""
    source = _requests(seed)
    finished = _finished(source, seed)
    running = [replace(request, reason=None) for request in islice(source, 7 + seed)]
    _mark(running, 0, preempted=1)
    dropped = [replace(request, reason=None) for request in islice(source, 2)]
    groups = [tuple(replace(request, burst=burst) for request in group) for group in (finished, running, dropped)]
    return Load(groups[0], groups[1], groups[2], waiting=3 + 2 * seed, used_blocks=1270 + 97 * seed)


def fresh() -> Load:
    """Give the load of an engine that has served nothing yet."""
    return Load((), (), (), waiting=0, used_blocks=0)
