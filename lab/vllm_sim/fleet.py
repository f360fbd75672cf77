"""Several engines in lock step behind a router: the cheap way to a fleet.

Each replica is a `Simulation` of its own, with its own faults and page; the arrivals come from one stream and
are routed when they arrive. Replicas that are down are not asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.vllm_sim.requests import Request
    from lab.vllm_sim.simulation import Simulation


class Router(Protocol):
    """Chooses one of the replicas that are up, by its place in the list given."""

    def __call__(self, up: Sequence[Simulation], request: Request, /) -> int:
        """Return the place."""


def least_loaded(up: Sequence[Simulation], _request: Request) -> int:
    """Choose the replica with the fewest requests, the first of equals."""
    return min(range(len(up)), key=lambda index: up[index].in_flight)


class RoundRobin:
    """Chooses one replica after the other, whatever their load."""

    def __init__(self) -> None:
        self._turn = -1

    def __call__(self, up: Sequence[Simulation], _request: Request) -> int:
        """Choose the next one."""
        self._turn += 1
        return self._turn % len(up)


class Fleet:
    """Replicas moved together. `requests` are the arrivals in order of time; `lost` found no replica up."""

    def __init__(
        self, replicas: Sequence[Simulation], requests: Iterable[Request], router: Router = least_loaded
    ) -> None:
        self.replicas = tuple(replicas)
        self.router = router
        self.lost = 0
        self._requests = iter(requests)
        self._next = next(self._requests, None)

    def advance(self, to: float) -> None:
        """Let everything happen that happens until `to`."""
        while self._next is not None and self._next.arrival <= to:
            request = self._next
            self._move(request.arrival)
            up = [replica for replica in self.replicas if not replica.down]
            if up:
                up[self.router(up, request)].offer(request)
            else:
                self.lost += 1
            self._next = next(self._requests, None)
        self._move(to)

    def _move(self, to: float) -> None:
        for replica in self.replicas:
            replica.advance(to)
