"""The clients' side: which requests missed what their users bear, and when that is pain.

A request is bad from the moment its fate is sealed: no first token within the TTFT budget, a failure, an empty answer,
or at its end a mean time per output token over budget. It is good when it ends without any of these. A client that goes
away before is neither. Pain is there while, of the requests so judged within the last 60 s, at least 1 % and at least 5
are bad; it begins with the first bad request of the first such window.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.scenario import Slo

WINDOW_SECONDS = 60.0
BAD_SHARE = 0.01
BAD_COUNT = 5
MERGE_SECONDS = 60.0
"""Two spells of pain closer than this are one."""


@dataclass(slots=True)
class _Life:
    """What a client saw of one request; times in seconds of the scenario, infinity for never."""

    arrival: float
    failing: bool
    first: float = inf
    end: float = inf
    tokens: int = 0
    failed: bool = False
    left: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Verdict:
    """One judged request: when its fate was sealed, and whether it was bad; `ttft` in seconds, infinity for none."""

    time: float
    bad: bool
    ttft: float


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of pain, in seconds of the scenario."""

    start: float
    end: float


class Outcomes:
    """Collects what happens to every request."""

    def __init__(self) -> None:
        self.lives: dict[int, _Life] = {}

    def arrived(self, number: int, time: float, *, failing: bool) -> None:
        """A request comes; `failing` ones end with an error or without text."""
        self.lives[number] = _Life(time, failing)

    def first_token(self, number: int, time: float) -> None:
        """Its first token is out."""
        self.lives[number].first = time

    def finished(self, number: int, time: float, tokens: int) -> None:
        """Its last token is out."""
        life = self.lives[number]
        life.end, life.tokens = time, tokens

    def failed(self, number: int, time: float) -> None:
        """It was refused, or its connection broke."""
        life = self.lives[number]
        life.end, life.failed = time, True

    def left(self, number: int, time: float) -> None:
        """Its client went away."""
        life = self.lives[number]
        life.end, life.left = time, True

    def __deepcopy__(self, memo: dict[int, object]) -> Outcomes:
        """A copy for another future of the fleet: only requests whose fate may still matter there."""
        other = Outcomes()
        memo[id(self)] = other
        open_from = max((life.arrival for life in self.lives.values()), default=0.0) - 2 * WINDOW_SECONDS
        for number, life in self.lives.items():
            if life.end > open_from and not life.left:
                other.lives[number] = _Life(life.arrival, life.failing, life.first, life.end, life.tokens, life.failed)
        return other

    def verdicts(self, slo: Slo, until: float) -> list[Verdict]:
        """All requests judged by `until`, in order."""
        judged = (_verdict(life, slo) for life in self.lives.values())
        return sorted(verdict for verdict in judged if verdict is not None and verdict.time <= until)


def _verdict(life: _Life, slo: Slo) -> Verdict | None:
    ttft = life.first - life.arrival
    late = life.arrival + slo.ttft
    if life.failed and life.end <= late:
        return Verdict(life.end, True, ttft)
    if life.first > late and life.end > late:
        return Verdict(late, True, ttft)
    if life.left or life.end == inf:
        return None
    slow = life.tokens > 1 and (life.end - life.first) / (life.tokens - 1) > slo.tpot
    return Verdict(life.end, life.failed or life.failing or slow, ttft)


def spells(verdicts: Iterable[Verdict]) -> list[Spell]:
    """The stretches of pain."""
    window: deque[Verdict] = deque()
    bad = 0
    found: list[Spell] = []
    for verdict in verdicts:
        window.append(verdict)
        bad += verdict.bad
        while window[0].time <= verdict.time - WINDOW_SECONDS:
            bad -= window.popleft().bad
        if bad >= BAD_COUNT and bad >= BAD_SHARE * len(window):
            start = next(seen.time for seen in window if seen.bad)
            if found and start <= found[-1].end + MERGE_SECONDS:
                found[-1] = Spell(found[-1].start, verdict.time)
            else:
                found.append(Spell(start, verdict.time))
    return found
