"""The liveness probe: a tiny completion when nothing was seen to move. Under load it sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn.probes.prober import Held
from forewarn.probes.reply import Ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.monitor import Monitor
    from forewarn.probes.prober import Prober
    from forewarn.probes.reply import Reply

PROMPT = "One two three four"
ASK = Ask({"prompt": PROMPT, "max_tokens": 4, "temperature": 0, "ignore_eos": True}, tokens=len(PROMPT) + 4)
"""Four tokens: one may be the silent half of a character. The estimate holds for a token per character."""


class Liveness:
    """Probes an idle engine every `idle_after` seconds, so that a wedge shows within that and the deadline.

    `busy` says that another probe (the warm-up) is at work and looks at the engine anyway.
    """

    def __init__(
        self, prober: Prober, monitor: Monitor, idle_after: float, deadline: float, busy: Callable[[], bool]
    ) -> None:
        self.last: Reply | None = None
        """The last reply; None before the first, and once the engine's process is a new one."""
        self.at: float | None = None
        """Seconds since the epoch of that reply."""
        self.idle_after = idle_after
        self._prober = prober
        self._monitor = monitor
        self._deadline = deadline
        self._busy = busy
        self._not_before = 0.0
        self._restarts = monitor.restarts

    @property
    def success(self) -> bool | None:
        """Whether the last probe found the engine alive; None when it could not tell."""
        return None if self.last is None else {"alive": True, "failed": False}.get(self.last.verdict)

    def step(self) -> bool:
        """Probe if that is due; returns whether a request was sent."""
        with self._monitor.lock:
            if not self._due():
                return False
        reply = self._prober.ask("liveness", ASK, self._deadline)
        with self._monitor.lock:
            now = self._monitor.clock.monotonic()
            if isinstance(reply, Held):
                self._not_before = now + reply.delay
                return False
            self._not_before = now + self.idle_after
            self._take(reply)
        return True

    def _due(self) -> bool:
        monitor = self._monitor
        if monitor.restarts != self._restarts:
            self._restarts, self.last, self.at = monitor.restarts, None, None
            self._prober.forget()
        if self.last is not None and self.last.result == "unsupported":
            return False
        idle = monitor.idle_for()
        now = monitor.clock.monotonic()
        return idle is not None and idle >= self.idle_after and now >= self._not_before and not self._busy()

    def _take(self, reply: Reply) -> None:
        before = None if self.last is None else self.last.result
        self.last, self.at = reply, self._monitor.clock.wall()
        if reply.result != before and not (before is None and reply.result == "success"):
            level = "info" if reply.result == "success" else "warning"
            self._monitor.note(level, f"liveness probe: {reply.result}" + (f": {reply.detail}" if reply.detail else ""))
