"""Plays a simulation in real time from a thread of its own, and lets other threads act on it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from math import inf
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from lab.vllm_sim.simulation import Simulation

Progress = tuple[int, "str | None"]
"""Tokens generated so far, and the reason once the request is finished."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A live request: its number and where its progress arrives."""

    id: int
    progress: SimpleQueue[Progress]


class Driver:
    """Moves a simulation along a clock, `speed` virtual seconds per second of the clock."""

    def __init__(
        self, simulation: Simulation, *, speed: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.simulation = simulation
        self.speed = speed
        self._clock = clock
        self._start = clock()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self, on_down: Callable[[], None], on_up: Callable[[], None]) -> None:
        """Begin; `on_down` is called when the process goes away, `on_up` when it is back."""
        self._start = self._clock()
        self._thread = threading.Thread(target=self._run, args=(on_down, on_up), name="vllm-sim", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the simulation stays as it is."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def now(self) -> float:
        """Return the virtual time that the clock stands for."""
        return (self._clock() - self._start) * self.speed

    def submit(self, prompt_tokens: int, max_tokens: int | None) -> Ticket:
        """Hand in a live client's request."""
        progress: SimpleQueue[Progress] = SimpleQueue()
        with self._changed:
            self.simulation.advance(self.now())
            number = self.simulation.submit(
                prompt_tokens, max_tokens, lambda tokens, reason: progress.put((tokens, reason))
            )
            self._changed.notify_all()
        return Ticket(number, progress)

    def cancel(self, ticket: Ticket) -> None:
        """Tell the engine that the client went away."""
        with self._changed:
            self.simulation.advance(self.now())
            self.simulation.cancel(ticket.id)
            self._changed.notify_all()

    def page(self, names: Collection[str] | None = None) -> str:
        """Return the metrics page of this moment."""
        with self._changed:
            self.simulation.advance(self.now())
            return self.simulation.page(names)

    def count_response(self, route: tuple[str, str], status: int, since: float, sizes: tuple[int, int]) -> None:
        """Count a response to a live client that began at virtual time `since`."""
        with self._changed:
            self.simulation.count_response(route, status, self.now() - since, sizes)

    def _run(self, on_down: Callable[[], None], on_up: Callable[[], None]) -> None:
        was_down = False
        while True:
            with self._changed:
                if self._stopped:
                    return
                self.simulation.advance(self.now())
                down = self.simulation.down
                if down == was_down:
                    self._changed.wait(self._seconds_to_next_event())
            if down != was_down:
                # Outside the lock: closing connections waits for handlers that may want it.
                was_down = down
                (on_down if down else on_up)()

    def _seconds_to_next_event(self) -> float | None:
        event = self.simulation.next_event()
        return None if event == inf else max(0.0, (event - self.now()) / self.speed)
