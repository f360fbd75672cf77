"""Time as a value that is passed in, so that tests and the incident lab own it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading


SHORT = 0.25
"""Seconds that nobody minds to wait for the end of a thread."""


class Clock(Protocol):
    """What the sidecar knows of time."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""

    def wall(self) -> float:
        """Seconds since the Unix epoch; may jump."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until `stop` is set or the time is over; return whether it is set."""


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Sleep until `stop` is set or the time is over; a short sleep goes on to its end."""
        if 0.0 < seconds <= SHORT:
            # Half the CPU of a wait that can be ended, at every poll.
            with suppress(OSError):  # where the C library's clock is replaced, the kernel may refuse its deadline
                time.sleep(seconds)
                return stop.is_set()
        return stop.wait(seconds)


class ManualClock:
    """A clock that moves only when told: for pages read from a file, tests and the incident lab.

    `wall_start` is in seconds since the Unix epoch.
    """

    def __init__(self, wall_start: float = 1_700_000_000.0) -> None:
        self._monotonic = 0.0
        self._wall = wall_start

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._monotonic

    def wall(self) -> float:
        """Start plus what was advanced and jumped so far."""
        return self._wall

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Advance by `seconds` at once."""
        self.advance(max(0.0, seconds))
        return stop.is_set()

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks."""
        self._monotonic += seconds
        self._wall += seconds

    def jump_wall(self, seconds: float) -> None:
        """Move the wall clock alone, as a time server's correction does."""
        self._wall += seconds
