"""Telling a new engine process from a page that is merely a moment old."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forewarn.snapshot import RankKey

    CountKey = tuple[RankKey, str]

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
        self._counts: Mapping[CountKey, float] = {}
        self._gap = False

    def missed(self) -> None:
        """A poll failed."""
        self._gap = True

    def update(self, start: float | None, counts: Mapping[CountKey, float]) -> bool:
        """Take a page's start time (seconds since the epoch) and raw counts; return whether it is a restart."""
        restarted = self._restarted(start, counts)
        self._start, self._gap = start, False
        # Series may appear with their first event: until then the last process's counts are what to compare with.
        ranks = {rank for rank, _ in counts} or {rank for rank, _ in self._counts}
        kept = {} if restarted else {key: count for key, count in self._counts.items() if key[0] in ranks}
        self._counts = {**kept, **counts}
        return restarted

    def _restarted(self, start: float | None, counts: Mapping[CountKey, float]) -> bool:
        if start is not None and self._start is not None:
            return abs(start - self._start) > _SAME_START
        share = 1.0 if self._gap else _RESET_SHARE
        return any(counts[key] < share * last for key, last in self._counts.items() if key in counts)
