"""Telling a new engine process from a page that is merely a moment old."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        self._counts: Counts = {}
        self._gap = False

    def missed(self) -> None:
        """A poll failed."""
        self._gap = True

    def update(self, start: float | None, counts: Counts) -> bool:
        """Take a page's start time (seconds since the epoch) and raw counts; return whether it is a restart."""
        restarted = self._restarted(start, counts)
        self._start, self._gap = start, False
        # Series may appear with their first event: until then the last process's counts are what to compare with.
        known: Counts = {} if restarted else self._counts
        self._counts = {rank: {**known.get(rank, {}), **own} for rank, own in counts.items() if own} or known
        return restarted

    def _restarted(self, start: float | None, counts: Counts) -> bool:
        if start is not None and self._start is not None:
            return abs(start - self._start) > _SAME_START
        share = 1.0 if self._gap else _RESET_SHARE
        return any(_fell(last, counts.get(rank, {}), share) for rank, last in self._counts.items())


def _fell(last: Mapping[str, float], now: Mapping[str, float], share: float) -> bool:
    """Whether a count that is still there is below `share` of what it was."""
    return any(now[name] < share * count for name, count in last.items() if name in now)
