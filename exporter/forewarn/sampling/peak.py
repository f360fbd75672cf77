"""The largest value over a sliding window."""

from __future__ import annotations

from collections import deque


class SlidingMax:
    """Maximum of the values seen in the last `window` seconds.

    Memory is bounded by the number of values in a window; each value is pushed and dropped once.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        # Times ascend and values descend: the head is the maximum.
        self._queue: deque[tuple[float, float]] = deque()

    def add(self, now: float, value: float) -> None:
        """Take `value` seen at `now` (monotonic seconds)."""
        self._drop(now)
        queue = self._queue
        while queue and queue[-1][1] <= value:
            queue.pop()
        queue.append((now, value))

    def value(self, now: float) -> float | None:
        """The maximum over the window that ends at `now`, None when nothing was seen in it."""
        self._drop(now)
        return self._queue[0][1] if self._queue else None

    def _drop(self, now: float) -> None:
        while self._queue and self._queue[0][0] < now - self._window:
            self._queue.popleft()
