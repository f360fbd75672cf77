"""Requests in order of arrival, from the stretches of a scenario's traffic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, log, sqrt
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.traces import Row
    from lab.workloads import Workload

WANDER_SECONDS = 60.0
"""How long the rate's factor stays."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: when it comes, what it asks for, how it will end, and after how long its client gives up."""

    time: float
    prompt_tokens: int
    output_tokens: int
    cached_share: float = 0.0
    reason: str = "stop"
    empty: bool = False
    max_tokens: int | None = None
    patience: float = inf


@dataclass(frozen=True, slots=True)
class Manner:
    """What requests of a stretch are like, apart from their times and lengths. Shares are probabilities."""

    prompt_scale: float = 1.0
    output_scale: float = 1.0
    cached_share: float = 0.0
    max_tokens: int | None = None
    empty_share: float = 0.0
    error_share: float = 0.0
    disconnect_share: float = 0.0
    disconnect_after: float = 10.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Traffic for `duration` seconds: a workload at a rate (requests/s) that runs straight from one value to another.

    With `rows` it is a recorded piece of a trace instead.
    """

    duration: float
    rate_from: float
    rate_to: float
    workload: Workload
    manner: Manner = Manner()
    rows: tuple[Row, ...] = ()

    def rate(self, offset: float) -> float:
        """The mean rate `offset` seconds into the stretch."""
        return self.rate_from + (self.rate_to - self.rate_from) * min(1.0, offset / self.duration)

    def held(self, offset: float, duration: float) -> Stretch:
        """The stretch that goes on for `duration` as this one is at `offset`."""
        rate = self.rate(offset)
        return replace(self, duration=duration, rate_from=rate, rate_to=rate, rows=())


def arrivals(stretches: tuple[Stretch, ...], seed: int, start: float = 0.0) -> list[Arrival]:
    """All requests of the stretches, the first of which begins at `start`, in order."""
    times = Random(f"{seed}:times")  # noqa: S311  a model's chance, not a secret
    shapes = Random(f"{seed}:shapes")  # noqa: S311  as above, apart so that a rate does not change the lengths
    found: list[Arrival] = []
    for stretch in stretches:
        for offset, row in _moments(stretch, times):
            if offset < stretch.duration:
                found.append(_request(stretch, start + offset, row, shapes))
        start += stretch.duration
    found.sort(key=lambda arrival: arrival.time)
    return found


def _moments(stretch: Stretch, rng: Random) -> Iterator[tuple[float, Row | None]]:
    if stretch.rows:
        yield from ((row.time, row) for row in stretch.rows)
        return
    workload = stretch.workload
    sigma = sqrt(log(1.0 + workload.wander))
    factor = 1.0
    for second in range(int(stretch.duration)):
        if second % WANDER_SECONDS == 0:
            factor = rng.lognormvariate(-sigma * sigma / 2, sigma) if sigma else 1.0
        for _ in range(poisson(stretch.rate(second + 0.5) * factor / workload.clump, rng)):
            begin = second + rng.random()
            yield begin, None
            while rng.random() > 1.0 / workload.clump:
                yield begin + rng.expovariate(1.0 / workload.clump_seconds), None


def poisson(mean: float, rng: Random) -> int:
    """A Poisson count (Knuth); `mean` well below 700."""
    limit, count, product = exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def _request(stretch: Stretch, time: float, row: Row | None, rng: Random) -> Arrival:
    manner, workload = stretch.manner, stretch.workload
    prompt = row.prompt_tokens if row else workload.prompt.draw(rng)
    output = row.output_tokens if row else workload.output.draw(rng)
    cached = row.cached_share if row and row.cached_share is not None else manner.cached_share
    leaves, patience = rng.random(), rng.expovariate(1.0 / manner.disconnect_after)
    return Arrival(
        time=time,
        prompt_tokens=max(1, round(prompt * manner.prompt_scale)),
        output_tokens=max(1, round(output * manner.output_scale)),
        cached_share=cached,
        reason="error" if rng.random() < manner.error_share else "stop",
        empty=rng.random() < manner.empty_share,
        max_tokens=manner.max_tokens,
        patience=patience if leaves < manner.disconnect_share else inf,
    )
