"""Faults and when they act."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong `at` seconds into the scenario, for `duration` seconds (infinity: to its end)."""

    at: float
    duration: float = inf


@dataclass(frozen=True, slots=True)
class Wedge(Fault):
    """The scheduler stands still while HTTP answers; gauges keep their last values."""


@dataclass(frozen=True, slots=True)
class Crash(Fault):
    """The process dies; after `duration` seconds a new one listens, with fresh counters.

    `version` is the vLLM release that comes back, None for the same one.
    """

    version: str | None = None


@dataclass(frozen=True, slots=True)
class SlowDecode(Fault):
    """Steps take `factor` times as long, their prefill part apart."""

    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class EmptyOutputs(Fault):
    """A `share` of the requests that arrive end after one token with reason `stop` and no text."""

    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Errors(Fault):
    """A `share` of the requests that arrive end with reason `error` and HTTP 500, after half of their tokens."""

    share: float = 0.0


@dataclass(frozen=True, slots=True)
class PrefixLoss(Fault):
    """No request finds anything in the prefix cache, as when routing or the head of the prompts changes."""


@dataclass(frozen=True, slots=True)
class RenameMetric(Fault):
    """The family `old` (the name on its TYPE line) is exposed as `new`."""

    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class StaleGauges(Fault):
    """Running, waiting and KV usage keep their values while everything else moves."""


class Timeline:
    """The beginnings and ends of faults in order of time, over and over when the scenario loops."""

    def __init__(self, faults: Iterable[Fault], duration: float, *, loop: bool) -> None:
        self._faults = tuple(faults)
        self._duration = duration
        self._loop = loop
        self._round = 0
        self._queue: list[tuple[float, bool, int]] = []
        self._fill()

    @property
    def next_time(self) -> float:
        """When the next fault begins or ends; infinity when none does."""
        return self._queue[0][0] if self._queue else inf

    def pop(self) -> tuple[Fault, bool]:
        """Return the next fault and whether it begins now; an end goes before a beginning at the same time."""
        _, begins, index = heapq.heappop(self._queue)
        if not self._queue and self._loop:
            self._round += 1
            self._fill()
        return self._faults[index], begins

    def _fill(self) -> None:
        start = self._round * self._duration
        horizon = start + self._duration if self._loop else inf
        for index, fault in enumerate(self._faults):
            begin = start + fault.at
            heapq.heappush(self._queue, (begin, True, index))
            end = min(begin + fault.duration, horizon)
            if end < inf:
                heapq.heappush(self._queue, (end, False, index))
