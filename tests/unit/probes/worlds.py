"""Whole sidecars whose probes ask a scripted engine, on a clock that only tests move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn.probes.reply import Reply, Served
from tests.unit.collectors.harness import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.probes.reply import Ask
    from tests.unit.collectors.harness import Engine


def good(_ask: Ask | None = None, ttft: float = 0.1) -> Reply:
    """An answer with text."""
    return Reply("success", "", "four", 2 * ttft, ttft, 6, 4, "length")


def failure(result: str, detail: str = "the detail") -> Reply:
    """An answer that is none."""
    return Reply(result, detail, duration=1.0)


class Scripted:
    """Answers as `reply` says, after `takes` seconds; a good answer moves the engine's counts."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.reply: Callable[[Ask], Reply] = good
        self.model: Served | Reply = Served("m", 2048)
        self.takes = 0.2
        self.asked: list[Ask] = []
        self.times: list[float] = []
        self.deadlines: list[float] = []
        self.forgotten = 0

    def served(self, deadline: float) -> Served | Reply:
        """The model."""
        del deadline
        return self.model

    def ask(self, ask: Ask, deadline: float) -> Reply:
        """The scripted reply."""
        assert self.engine is not None
        self.asked.append(ask)
        self.deadlines.append(deadline)
        self.times.append(self.engine.clock.monotonic())
        self.engine.clock.advance(self.takes)
        reply = self.reply(ask)
        if reply.verdict == "alive":
            self.engine.rank.tokens += reply.tokens or 0
            self.engine.rank.ttft.append(reply.ttft or 0.0)
        return reply

    def forget(self) -> None:
        """Count it."""
        self.forgotten += 1


class ProbeWorld(World):
    """A sidecar with probes in front of a scripted engine."""

    def __init__(self, **settings: object) -> None:
        self.asker = Scripted()
        super().__init__(None, self.asker, **settings)
        self.asker.engine = self.engine
        self.probes = self.parts.probes

    def turn(self, seconds: float) -> None:
        """Poll and probe for a while, as both threads do, one after the other."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.step()
            self.probes.scheduler.step()

    def ready(self) -> tuple[bool, str]:
        """Readiness and its reason."""
        return self.parts.readiness()


def idle(**settings: object) -> ProbeWorld:
    """A sidecar without a gate beside an engine that has nothing to do."""
    return ProbeWorld(warmup__enabled=False, **settings)
