"""Seeded arrivals: when requests come, and what each asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log, sqrt
from random import Random

from lab.vllm_sim.requests import Request


@dataclass(frozen=True, slots=True)
class Lengths:
    """A token count: lognormal with this mean and sigma of the logarithm, or fixed when sigma is 0."""

    mean: float
    sigma: float = 0.0

    def draw(self, rng: Random) -> int:
        """Draw one count, at least 1."""
        if not self.sigma:
            return max(1, round(self.mean))
        return max(1, round(rng.lognormvariate(log(self.mean) - self.sigma**2 / 2, self.sigma)))


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of traffic, `duration` seconds long, whose rate runs linearly between two values (req/s).

    The shares are probabilities per request: `empty_share` ends after one token with `stop`;
    `disconnect_share` has the client leave after `disconnect_after` seconds (mean, exponential);
    `finish_share` lists (reason, share) for `error`, `repetition` and `abort`; `prefix_share` is the part
    of each prompt that the prefix cache holds. `prefix_groups` instead lets the cache find out: every prompt
    begins with `prefix_share` of the mean prompt's tokens from one of so many streams, drawn evenly.
    """

    duration: float
    rate_from: float
    rate_to: float
    prompt: Lengths
    output: Lengths
    max_tokens: int | None = None
    empty_share: float = 0.0
    disconnect_share: float = 0.0
    disconnect_after: float = 1.0
    prefix_share: float = 0.0
    prefix_groups: int = 0
    finish_share: tuple[tuple[str, float], ...] = ()

    def rate(self, offset: float) -> float:
        """Return the rate `offset` seconds into the phase."""
        return self.rate_from + (self.rate_to - self.rate_from) * min(1.0, offset / self.duration)

    def expected(self, offset: float) -> float:
        """Return how many requests are expected from `offset` to the end of the phase."""
        return (self.rate(offset) + self.rate_to) / 2 * (self.duration - offset)

    def held(self) -> Phase:
        """Return the phase that goes on for ever as this one ends."""
        return replace(self, duration=inf, rate_from=self.rate_to)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The phases, played in a loop or with the last one held."""

    phases: tuple[Phase, ...]
    loop: bool

    @property
    def duration(self) -> float:
        """Seconds until the phases have been played once."""
        return sum(phase.duration for phase in self.phases)

    def at(self, time: float) -> tuple[Phase, float]:
        """Return the phase at `time` and when it began."""
        start = time // self.duration * self.duration if self.loop else 0.0
        for phase in self.phases:
            if time < start + phase.duration:
                return phase, start
            start += phase.duration
        return self.phases[-1].held(), start

    def rate(self, time: float) -> float:
        """Return the arrival rate at `time`, in requests per second."""
        phase, start = self.at(time)
        return phase.rate(time - start)


class Arrivals:
    """A Poisson process over the traffic's rate; `next_time` is infinity when nothing more comes."""

    def __init__(self, traffic: Traffic, seed: int) -> None:
        self._traffic = traffic
        self._rng = Random(f"{seed}:arrivals")  # noqa: S311 - a model's chance, not a secret
        self._silent = not any(phase.expected(0.0) for phase in traffic.phases)
        self.phase, self._start = traffic.phases[0], 0.0
        self._index = 0
        self._offset = 0.0
        self.next_time = 0.0
        self.advance()

    def advance(self) -> None:
        """Move `next_time` and `phase` to the next arrival."""
        need = self._rng.expovariate(1.0)
        while not self._silent:
            left = self.phase.expected(self._offset) if self.phase.duration < inf else inf
            if need <= left and self.phase.rate_from + self.phase.rate_to:
                self._offset += self._solve(need)
                self.next_time = self._start + self._offset
                return
            if self.phase.duration == inf:
                break
            need -= left
            self._next_phase()
        self.next_time = inf

    def _solve(self, need: float) -> float:
        """Return after how many seconds `need` further arrivals are expected within the phase."""
        rate = self.phase.rate(self._offset)
        slope = (self.phase.rate_to - self.phase.rate_from) / self.phase.duration
        root = sqrt(max(0.0, rate * rate + 2 * slope * need))
        return min(2 * need / (rate + root), self.phase.duration - self._offset)

    def _next_phase(self) -> None:
        self._start += self.phase.duration
        self._offset = 0.0
        self._index += 1
        phases = self._traffic.phases
        if self._index == len(phases) and not self._traffic.loop:
            self.phase = phases[-1].held()
        else:
            self._index %= len(phases)
            self.phase = phases[self._index]


class Shapes:
    """Draws what a request asks for, from its own stream of chance so that rates do not change shapes."""

    def __init__(self, seed: int, max_model_len: int, block_size: int) -> None:
        self._rng = Random(f"{seed}:shapes")  # noqa: S311 - a model's chance, not a secret
        self._groups = Random(f"{seed}:groups")  # noqa: S311 - as above
        self._max_model_len = max_model_len
        self._block_size = block_size

    def draw(self, phase: Phase, number: int, arrival: float, empty_share: float) -> tuple[Request, float]:
        """Return a request and after how many seconds its client leaves, infinity if it stays.

        `empty_share` is a fault's share of empty outputs; the larger of it and the phase's counts.
        """
        draw = self._rng.random
        prompt = min(phase.prompt.draw(self._rng), self._max_model_len - 1)
        room = self._max_model_len - prompt
        natural = phase.output.draw(self._rng)
        limit = min(room, phase.max_tokens or room)
        empty, ends, leaves = draw(), draw(), draw()
        patience = self._rng.expovariate(1.0 / phase.disconnect_after)
        reason = "length" if natural >= limit else "stop"
        output = min(natural, limit)
        for name, share in phase.finish_share:
            if 0.0 <= ends < share:
                reason = name
            ends -= share
        if empty < max(empty_share, phase.empty_share):
            output, reason = 1, "stop"
        request = Request(
            id=number,
            arrival=arrival,
            prompt_tokens=prompt,
            output_tokens=output,
            reason=reason,
            max_tokens=phase.max_tokens,
            cached_tokens=self.cached(phase, prompt),
            prefix=f"group {self._groups.randrange(phase.prefix_groups)}" if phase.prefix_groups else None,
            prefix_tokens=int(phase.prompt.mean * phase.prefix_share) if phase.prefix_groups else 0,
        )
        return request, patience if leaves < phase.disconnect_share else inf

    def cached(self, phase: Phase, prompt: int) -> int:
        """Return the whole blocks of a prompt that the prefix cache holds; one token is always computed.

        None where the cache finds out by itself.
        """
        if phase.prefix_groups:
            return 0
        blocks = int(min(prompt * phase.prefix_share, prompt - 1)) // self._block_size
        return blocks * self._block_size
