"""Telling a new engine process from a page that is merely a moment old."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from forewarn.snapshot import RankKey

    Counts = Mapping[RankKey, Mapping[str, float]]

_SAME_START = 1.0
"""Seconds by which two readings of one process's start may differ."""
_RESET_SHARE = 0.5
"""A count below this share of its last value cannot be a page that is a moment old."""


class RestartDetector:
    """Says whether the engine's counters began anew since the last page.

    The process's start time decides where the page shows it. Elsewhere (several API servers, V0, the Rust front
    end) a count that fell to less than half did, and so did one that fell at all while the engine was out of
    reach in between.
    """

    def __init__(self) -> None:
        self._start: float | None = None
        self._counts: Callable[[], Counts] = dict
        self._gap = False

    def missed(self) -> None:
        """A poll failed."""
        self._gap = True

    def update(self, start: float | None, counts: Callable[[], Counts]) -> bool:
        """Take a page's start time (seconds since the epoch) and raw counts; return whether it is a restart.

        `counts` is called only where a page without a start has to be judged by them, be it at a later page.
        """
        if start is None or self._start is None:
            restarted = self._compared(counts())
        else:
            restarted = abs(start - self._start) > _SAME_START
            self._counts = counts
        self._start, self._gap = start, False
        return restarted

    def _compared(self, counts: Counts) -> bool:
        known, share = self._counts(), 1.0 if self._gap else _RESET_SHARE
        restarted = any(_fell(last, counts.get(rank, {}), share) for rank, last in known.items())
        # Series may appear with their first event: until then the last process's counts are what to compare with.
        before: Counts = {} if restarted else known
        now = {rank: {**before.get(rank, {}), **own} for rank, own in counts.items() if own} or before
        self._counts = lambda: now
        return restarted


def _fell(last: Mapping[str, float], now: Mapping[str, float], share: float) -> bool:
    """Whether a count that is still there is below `share` of what it was."""
    return any(now[name] < share * count for name, count in last.items() if name in now)
