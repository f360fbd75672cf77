"""Whether the engine produces anything, and whether it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Progress:
    """Follows token and step counts against the work present.

    Stalled: work has been present for `stall_after` seconds in which no count moved.
    """

    def __init__(self, stall_after: float) -> None:
        self._stall_after = stall_after
        self._counts: Mapping[str, float] | None = None
        self._working_since: float | None = None
        self.last: float | None = None
        """Monotonic time of the last poll that saw a count move; None before one did."""

    def counts(self, now: float, counts: Mapping[str, float]) -> None:
        """Take the raw token and step counts seen at `now` (monotonic seconds)."""
        if self._counts is not None and counts != self._counts:
            self.last = now
        self._counts = dict(counts)

    def work(self, now: float, *, present: bool) -> None:
        """Take whether requests are in the engine at `now`."""
        if not present:
            self._working_since = None
        elif self._working_since is None:
            self._working_since = now

    def stalled(self, now: float) -> bool:
        """Whether work is present and nothing has moved for too long."""
        if self._working_since is None:
            return False
        since = self._working_since if self.last is None else max(self.last, self._working_since)
        return now - since >= self._stall_after
