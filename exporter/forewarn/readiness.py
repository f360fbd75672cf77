"""Whether the replica may take traffic, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forewarn.monitor import Monitor
    from forewarn.probes.warmup import Gate


class Readiness:
    """Ready while the engine answers, is warm, and moves.

    A single failed poll takes nobody out of rotation: an engine that is gone does so after the longest sample
    age, one that is stalled or slow only after `down_after` seconds, and a stalled one comes back after it has
    moved for `up_after`. Load is no reason: a fleet must not pull itself out when it is busy.
    """

    def __init__(
        self,
        monitor: Monitor,
        gate: Gate | None = None,
        down_after: float = 30.0,
        up_after: float = 15.0,
        *,
        follow_stall: bool = True,
    ) -> None:
        self._monitor = monitor
        self._gate = gate
        self._down_after = down_after
        self._up_after = up_after
        self._follow_stall = follow_stall
        self._bad_since: float | None = None
        self._good_since: float | None = None
        self._out = False

    def __call__(self) -> tuple[bool, str]:
        """(ready, one line that says why)."""
        monitor = self._monitor
        with monitor.lock:
            age = monitor.sample_age()
            if age is None:
                return False, f"engine not seen yet: {monitor.detail}"
            # An API process that answers late may only be busy.
            longest = monitor.settings.max_sample_age
            if age > (max(longest, self._down_after) if monitor.state == "slow" else longest):
                return False, f"engine {monitor.state} for {age:.0f} s: {monitor.detail}"
            warm, reason = self._gate.verdict() if self._gate else (True, "")
            if not warm:
                return False, reason
            self.observe()
            if self._out:
                return False, self._stall_reason()
            return True, "ready"

    def observe(self) -> None:
        """Take how the engine is now; called after every poll, so that durations are not those between questions."""
        monitor = self._monitor
        with monitor.lock:
            now = monitor.clock.monotonic()
            stalled = self._follow_stall and monitor.fresh() and any(map(monitor.stalled, monitor.ranks.values()))
            if stalled:
                self._good_since = None
                self._bad_since = now if self._bad_since is None else self._bad_since
                self._out = self._out or now - self._bad_since >= self._down_after
            elif monitor.fresh() or not self._follow_stall:
                self._bad_since = None
                self._good_since = now if self._good_since is None else self._good_since
                self._out = self._out and now - self._good_since < self._up_after

    def _stall_reason(self) -> str:
        now = self._monitor.clock.monotonic()
        if self._bad_since is not None:
            return f"engine stalled for {now - self._bad_since:.0f} s: nothing advances"
        return f"engine was stalled and has moved for {now - (self._good_since or now):.0f} of {self._up_after:g} s"
