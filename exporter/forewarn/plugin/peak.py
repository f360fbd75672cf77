"""The largest value of the last moments, in constant memory whatever the number of steps."""

from __future__ import annotations

SLOT = 5.0
"""Seconds: a peak stays for one to two of these, longer than the sidecar's interval between two whole pages."""


class Peak:
    """Maximum over the present and the previous slot of time."""

    __slots__ = ("_last", "_now", "_slot", "largest")

    def __init__(self) -> None:
        self._slot = 0
        self._now = self._last = 0.0
        self.largest = 0.0
        """The peak as of the last call."""

    def add(self, now: float, value: float) -> float:
        """Take `value` at `now` (monotonic seconds); returns the peak."""
        self.at(now)
        self._now = max(self._now, value)
        self.largest = max(self.largest, value)
        return self.largest

    def at(self, now: float) -> float:
        """The peak at `now` (monotonic seconds)."""
        slot = int(now / SLOT)
        if slot != self._slot:
            self._last = self._now if slot == self._slot + 1 else 0.0
            self._slot, self._now = slot, 0.0
            self.largest = self._last
        return self.largest
