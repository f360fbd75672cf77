"""Canaries with a known truth, judged by the gate as it is; how often it passes, fails, or waits.

Requests of a slice share a fate: the slice's share is drawn from a beta distribution whose spread makes counts scatter
`noise` times wider than independent requests would. With `shared`, both tracks meet the same fate.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from forewarn.gate.guardrails import SHARES, Judgement, Levels, judge_share
from forewarn.gate.statistics import Count
from forewarn.gate.verdict import FAIL, PASS, Gate

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE = {"ttft": 0.01, "tpot": 0.01, "error": 0.002, "empty": 0.003}
"""Stable's shares of bad requests."""
SLICES = 15
SEED = 20


@dataclass(frozen=True, slots=True)
class World:
    """What is true, and how much of it the gate sees. `effect` adds to the canary's shares, in margins."""

    name: str
    effect: Mapping[str, float] = field(hash=False)
    canary_requests: int = 12_000
    stable_requests: int = 48_000
    noise: float = 1.0
    shared: bool = False
    looks: int = 1


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of runs by verdict."""

    passed: float
    failed: float

    @property
    def waited(self) -> float:
        """Neither."""
        return 1 - self.passed - self.failed


GOOD: dict[str, float] = {}
WORLDS = (
    World("no worse, independent requests", GOOD),
    World("no worse, noise ×3", GOOD, noise=3),
    World("no worse, noise ×3 that both tracks share", GOOD, noise=3, shared=True),
    World("no worse, 4 looks", GOOD, looks=4),
    World("no worse, few requests", GOOD, canary_requests=600),
    World("TTFT worse by its margin", {"ttft": 1}),
    World("TTFT worse by its margin, noise ×3", {"ttft": 1}, noise=3),
    World("TTFT worse by its margin, 4 looks", {"ttft": 1}, looks=4),
    World("errors worse by their margin", {"error": 1}),
    World("empty answers worse by their margin, noise ×3", {"empty": 1}, noise=3),
    World("all four worse by their margins", dict.fromkeys(BASE, 1.0)),
    World("TTFT worse by twice its margin", {"ttft": 2}),
    World("TTFT worse by twice its margin, noise ×3", {"ttft": 2}, noise=3),
    World("errors worse by twice their margin", {"error": 2}),
    World("empty answers worse by three times their margin, few requests", {"empty": 3}, canary_requests=600),
)


@cache
def rates(world: World, runs: int) -> Rates:
    """How the gate judges `runs` canaries of this world. A run ends with its first pass or fail."""
    draw = random.Random(f"{SEED} {world.name}")  # noqa: S311  draws of a simulation, no secrets
    ends = [_run(world, draw) for _ in range(runs)]
    return Rates(ends.count(PASS) / runs, ends.count(FAIL) / runs)


def _run(world: World, draw: random.Random) -> int | None:
    levels = Levels(looks=world.looks)
    for _ in range(world.looks):
        judged = tuple(_judge(world, name, levels, draw) for name in BASE)
        status = Gate(judged, frozenset(BASE), levels).status
        if status in (PASS, FAIL):
            return status
    return None


def _judge(world: World, name: str, levels: Levels, draw: random.Random) -> Judgement:
    margin = SHARES[name][0]
    canary, stable = [], []
    for _ in range(SLICES):
        fate = draw.random() if world.shared else None
        stable.append(_slice(BASE[name], world.stable_requests // SLICES, world.noise, draw, fate))
        worse = BASE[name] + margin * world.effect.get(name, 0)
        canary.append(_slice(worse, world.canary_requests // SLICES, world.noise, draw, fate))
    return judge_share(name, canary, stable, margin=margin, levels=levels, guardrails=len(BASE))


def _slice(share: float, requests: int, noise: float, draw: random.Random, fate: float | None) -> Count:
    """Bad requests of a slice: beta-binomial, whose variance is `noise` times the binomial's."""
    if noise > 1:
        weight = (requests - 1) / (noise - 1) - 1
        if fate is not None:
            # The same stretch of time is good or bad for both: one quantile, drawn once.
            share = _quantile(share, weight, fate)
        else:
            share = draw.betavariate(share * weight, (1 - share) * weight)
    return Count(_binomial(requests, share, draw), requests)


def _quantile(share: float, weight: float, fate: float) -> float:
    """A gamma-like quantile by Wilson and Hilferty: close enough to the beta's for a small share."""
    shape = share * weight
    z = NormalDist().inv_cdf(min(max(fate, 1e-12), 1 - 1e-12))
    factor = max(0.0, 1 - 1 / (9 * shape) + z / (3 * shape**0.5)) ** 3
    return min(1.0, share * factor)


def _binomial(requests: int, share: float, draw: random.Random) -> int:
    """A binomial draw by counting the gaps between bad requests, which are geometric."""
    if share <= 0:
        return 0
    if share >= 1:
        return requests
    log_good = math.log1p(-share)
    bad, at = 0, 0
    while True:
        at += int(math.log(1 - draw.random()) / log_good) + 1
        if at > requests:
            return bad
        bad += 1


def table(runs: int) -> str:
    """The worlds and how the gate judged them, as a Markdown table."""
    head = ("the canary is", "requests", "looks", "pass", "fail", "not enough")
    rows = [
        (
            world.name,
            f"{world.canary_requests:,} / {world.stable_requests:,}",
            str(world.looks),
            *(f"{value:.1%}" for value in (found.passed, found.failed, found.waited)),
        )
        for world, found in ((world, rates(world, runs)) for world in WORLDS)
    ]
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines) + "\n"
