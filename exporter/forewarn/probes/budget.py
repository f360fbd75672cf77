"""What probes may spend. The ceilings stand in the code, so that no setting can turn a probe into a load."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forewarn.clock import Clock

REQUESTS_PER_MINUTE = 60
"""All probes together."""
_HOUR, _MINUTE = 3600.0, 60.0


class SlidingSum:
    """What was spent over the last `window` seconds, and when more may be."""

    def __init__(self, limit: float, window: float, clock: Clock) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._spent: deque[tuple[float, float]] = deque()

    def add(self, amount: float) -> None:
        """Take what was spent now."""
        self._spent.append((self._clock.monotonic(), amount))

    def total(self) -> float:
        """What was spent over the window."""
        now = self._clock.monotonic()
        while self._spent and self._spent[0][0] <= now - self._window:
            self._spent.popleft()
        return sum(amount for _, amount in self._spent)

    def delay(self, amount: float) -> float:
        """Seconds until `amount` fits below the limit; 0.0 if it does now, a whole window if it never does."""
        excess = self.total() + amount - self._limit
        if excess <= 0:
            return 0.0
        for time, spent in self._spent:
            excess -= spent
            if excess <= 0:
                return max(0.0, time + self._window - self._clock.monotonic())
        return self._window


class Allowance:
    """Tokens per hour of each kind of probe, and requests per minute of all."""

    def __init__(self, tokens_per_hour: Mapping[str, float], clock: Clock) -> None:
        self._tokens = {kind: SlidingSum(limit, _HOUR, clock) for kind, limit in tokens_per_hour.items()}
        self._requests = SlidingSum(REQUESTS_PER_MINUTE, _MINUTE, clock)

    def delay(self, kind: str, tokens: int) -> tuple[float, str]:
        """Seconds until a request of `kind` may be sent, and what holds it: "budget", "rate" or ""."""
        held = self._tokens[kind].delay(tokens)
        if held:
            return held, "budget"
        held = self._requests.delay(1)
        return held, "rate" if held else ""

    def spend(self, kind: str, tokens: int) -> None:
        """Take that a request was sent and what it cost."""
        self._tokens[kind].add(tokens)
        self._requests.add(1)

    def spent(self, kind: str) -> float:
        """Tokens of the last hour."""
        return self._tokens[kind].total()
