"""Requests that arrived: λ of Little's law, which no vLLM series counts."""

from __future__ import annotations

from forewarn.sampling.peak import SlidingMax

WINDOW = 60.0
"""Seconds in which a request that left the queue is expected to show its first token."""


class Arrivals:
    """A monotone estimate: first tokens seen plus requests still waiting.

    Between leaving the queue and its first token a request is in neither, and one whose client gave up in the
    queue never comes back. So the sum is followed by its maximum over a window: a dip counts nothing, growth
    past the window's maximum counts as arrivals, and after a lasting dip counting goes on from the new level.
    """

    def __init__(self) -> None:
        self._window = SlidingMax(WINDOW)
        self._high: float | None = None
        self.value: float | None = None

    def update(self, now: float, first_tokens: float, waiting: float) -> None:
        """Take the count of first tokens (monotone) and the requests waiting at `now` (monotonic seconds)."""
        self._window.add(now, first_tokens + waiting)
        high = self._window.value(now)
        if high is None:
            return
        if self.value is None or self._high is None:
            self.value = high
        else:
            self.value += max(0.0, high - self._high)
        self._high = high
