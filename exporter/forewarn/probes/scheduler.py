"""The thread of the probes: beside the polling, which it never delays, and never more than one request at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from forewarn.monitor import Monitor

TICK = 1.0
"""Seconds between two looks for something to do."""


class Activity(Protocol):
    """Something to be done from time to time."""

    def step(self) -> bool:
        """Do what is due; returns whether it asked the engine something."""


class Scheduler:
    """Gives each activity its turn; those that stand first go first."""

    def __init__(self, activities: Sequence[Activity], monitor: Monitor) -> None:
        self._activities = activities
        self._monitor = monitor
        self._failing: set[int] = set()

    def run(self, stop: threading.Event) -> None:
        """Go on until `stop` is set; a request in flight ends at its deadline."""
        while not stop.is_set():
            if not self.step():
                self._monitor.clock.wait(stop, TICK)

    def step(self) -> bool:
        """One turn; returns whether something was asked, so that more may be due at once."""
        return any(self._guarded(number, activity) for number, activity in enumerate(self._activities))

    def _guarded(self, number: int, activity: Activity) -> bool:
        try:
            asked = activity.step()
        except Exception as error:  # noqa: BLE001  a defect of one probe must show and must not end the others
            if number not in self._failing:
                self._failing.add(number)
                name = type(activity).__name__.lower()
                self._monitor.note("error", f"probe {name} failed: {type(error).__name__}: {error}")
            return False
        self._failing.discard(number)
        return asked
