"""The one way from a probe to the engine: one request at a time, within its allowance, counted."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from forewarn.probes.reply import Reply, Served

if TYPE_CHECKING:
    from forewarn.monitor import Monitor
    from forewarn.probes.budget import Allowance
    from forewarn.probes.client import Asker
    from forewarn.probes.reply import Ask

Kind = Literal["liveness", "warmup", "golden"]


@dataclass(frozen=True, slots=True)
class Held:
    """A request that was not sent: it may be after `delay` seconds. `reason` is budget or rate."""

    delay: float
    reason: str


class Prober:
    """Sends what probes ask. Its counts are read under the monitor's lock, which no request holds."""

    def __init__(self, asker: Asker, allowance: Allowance, monitor: Monitor) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """(kind, result) → requests sent."""
        self.tokens: Counter[str] = Counter()
        """Kind → tokens of prompts and answers."""
        self.held: Counter[tuple[str, str]] = Counter()
        """(kind, reason) → times that a probe began to wait for its allowance."""
        self._asker = asker
        self._allowance = allowance
        self._monitor = monitor
        self._flight = threading.Lock()
        self._waiting: set[str] = set()

    def served(self, deadline: float) -> Served | Reply:
        """The model that is served. Raises nothing."""
        with self._flight:
            return self._asker.served(deadline)

    def forget(self) -> None:
        """The engine's process is a new one."""
        self._asker.forget()

    def ask(self, kind: Kind, ask: Ask, deadline: float) -> Reply | Held:
        """Ask now, or say when. A failed request costs its whole estimate: nobody tells what the engine did."""
        monitor = self._monitor
        with self._flight:
            with monitor.lock:
                held = self._held(kind, ask)
                started = monitor.clock.monotonic()
            if held is not None:
                return held
            reply = self._sent(ask, deadline)
            if reply.result == "refused":
                self._asker.forget()
            with monitor.lock:
                cost = ask.tokens if reply.tokens is None else reply.tokens
                self._allowance.spend(kind, cost)
                self.requests[kind, reply.result] += 1
                self.tokens[kind] += reply.tokens or 0
                monitor.probed(started, reply.verdict)
            return reply

    def _held(self, kind: Kind, ask: Ask) -> Held | None:
        delay, reason = self._allowance.delay(kind, ask.tokens)
        if not delay:
            self._waiting.discard(kind)
            return None
        if kind not in self._waiting:
            self._waiting.add(kind)
            self.held[kind, reason] += 1
            self._monitor.note("warning", f"{kind} probes wait {delay:.0f} s for their {reason}")
        return Held(delay, reason)

    def _sent(self, ask: Ask, deadline: float) -> Reply:
        try:
            return self._asker.ask(ask, deadline)
        except Exception as error:  # noqa: BLE001  a defect of a probe must show and must not end the probing
            return Reply("internal", f"{type(error).__name__} in the probe")
