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
        known = self._counts
        if known == counts:
            return
        # A count that is not on the page for once has not moved, nor has it when it is back.
        if known is not None and any(count > known.get(name, 0.0) for name, count in counts.items()):
            self.last = now
        self._counts = {**(known or {}), **counts}

    def restart(self) -> None:
        """The engine's process is a new one: no count has moved yet, and no work has been seen."""
        self._counts = {}
        self.rest()

    def rest(self) -> None:
        """Nothing is known of the work present, until the next page."""
        self._working_since = None

    def work(self, now: float, *, present: bool) -> None:
        """Take whether requests are in the engine at `now`."""
        if not present:
            self._working_since = None
        elif self._working_since is None:
            self._working_since = now

    def stalled(self, now: float) -> bool:
        """Whether work is present and nothing has moved for too long."""
        since = self.still_since()
        return since is not None and now - since >= self._stall_after

    def still_since(self) -> float | None:
        """Monotonic time since which work has been present and nothing has moved; None without work."""
        if self._working_since is None or self.last is None:
            return self._working_since
        return max(self.last, self._working_since)
