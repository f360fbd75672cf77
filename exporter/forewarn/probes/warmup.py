"""The warm-up gate: a replica is ready once synthetic requests ran and their TTFT settled.

The first requests to a fresh engine pay for compilation and graph capture. An engine that has already served
is warm by its own counters, so a sidecar that starts later, alone, takes nobody out of rotation.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from forewarn import signals as s
from forewarn.probes.prober import Held
from forewarn.probes.reply import Ask, Served

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from forewarn.monitor import Monitor
    from forewarn.probes.prober import Prober
    from forewarn.probes.reply import Reply

State = Literal["unseen", "warming", "failed", "warm", "served", "unsupported"]

OUTPUT_TOKENS = 8
SERVED_ENOUGH = 10
"""Requests after which an engine is taken for warm when the sidecar first sees it."""
_SLACK = 0.02
"""Seconds by which settled TTFTs may differ however short they are."""
_PAUSE = 2.0
"""Seconds between requests once each length had its share, and after one that failed."""
_LONG_PAUSE = 10.0
"""Seconds after a reply that is not the engine's fault, and between requests after the deadline."""
_TOKEN_IDS = range(10, 250)
"""Ids that every vocabulary has. Prompts are of ids: exact in length, the same for every tokenizer."""


@dataclass(frozen=True, slots=True)
class WarmupSettings:
    """Prompt lengths in tokens; how many TTFTs must agree, within which share; times in seconds."""

    lengths: tuple[int, ...]
    settled: int
    tolerance: float
    deadline: float
    request_deadline: float
    hold: bool = True
    """Whether a replica whose warm-up failed stays out of rotation."""


class Gate:
    """Follows one replica from cold to warm, and again after every restart of its engine."""

    def __init__(self, prober: Prober, monitor: Monitor, settings: WarmupSettings, chance: random.Random) -> None:
        self.duration: float | None = None
        """Seconds that the last warm-up took, None before one ended."""
        self.cold_start: float | None = None
        """Seconds from the start of the engine's process until it was warm, None where that was not seen."""
        self._prober = prober
        self._monitor = monitor
        self._settings = settings
        self._chance = chance
        self._state: State = "unseen"
        self._restarts = monitor.restarts
        self._lengths = settings.lengths
        self._limited = False
        self._began = 0.0
        self._not_before = 0.0
        self._failure = ""
        self._ttfts: dict[int, list[float]] = {}

    def look(self) -> State:
        """Where the replica is, judged by what the monitor knows now."""
        monitor = self._monitor
        with monitor.lock:
            if monitor.restarts != self._restarts:
                self._restarts = monitor.restarts
                self._arm("the process is new")
            elif self._state == "unseen" and monitor.ranks:
                if _served(monitor) >= SERVED_ENOUGH:
                    self._state = "served"
                else:
                    self._arm("engine is fresh")
            elif self._state == "warming" and self._elapsed() > self._settings.deadline:
                self._state = "failed"
                monitor.note("error", f"warm-up failed: {self._why()}")
            return self._state

    @property
    def at_work(self) -> bool:
        """Whether the warm-up still sends requests."""
        return self.look() in ("warming", "failed")

    @property
    def warm(self) -> bool | None:
        """Whether the first, slow requests are over; None when that does not apply or nothing is known."""
        return {"warm": True, "served": True, "warming": False, "failed": False}.get(self.look())

    @property
    def progress(self) -> float:
        """Share of the requests that have to agree which have run, 0 to 1; less than 1 while warming."""
        if self.look() not in ("warming", "failed"):
            return 1.0
        need = self._settings.settled
        return min(0.99, sum(min(need, len(t)) for t in self._ttfts.values()) / (need * len(self._lengths)))

    def verdict(self) -> tuple[bool, str]:
        """(the replica may take traffic, one line that says why)."""
        with self._monitor.lock:
            state = self.look()
            if state == "warming":
                return False, f"warming up: {self._why()}"
            if state == "failed":
                return not self._settings.hold, f"warm-up failed: {self._why()}"
            return True, _OPEN[state]

    def step(self) -> bool:
        """Send the warm-up request that is due; returns whether one was sent."""
        monitor = self._monitor
        with monitor.lock:
            restarts = monitor.restarts
            if self.look() not in ("warming", "failed") or not monitor.fresh():
                return False
            if monitor.clock.monotonic() < self._not_before:
                return False
        if not self._limited:
            self._limit(self._prober.served(self._settings.request_deadline))
            return False
        length = self._next()
        reply = self._prober.ask("warmup", request(length, self._chance), self._settings.request_deadline)
        with monitor.lock:
            if isinstance(reply, Held):
                self._wait(reply.delay, f"waits for its {reply.reason}")
                return False
            if monitor.restarts == restarts:
                self._take(length, reply)
        return True

    def _arm(self, why: str) -> None:
        """Begin a warm-up."""
        self._prober.forget()
        self._state, self._limited, self._failure = "warming", False, ""
        self._lengths = self._settings.lengths
        self._ttfts = {length: [] for length in self._lengths}
        self._began = self._not_before = self._monitor.clock.monotonic()
        self._monitor.note("info", f"warm-up begins: {why}")

    def _limit(self, served: Served | Reply) -> None:
        """Bound prompt lengths by the model's context."""
        with self._monitor.lock:
            if not isinstance(served, Served):
                self._blame(served)
                return
            self._lengths = fitting(self._settings.lengths, served)
            self._ttfts = {length: [] for length in self._lengths}
            self._limited = True

    def _next(self) -> int:
        """The length with the fewest requests among those that have not settled."""
        open_ = [length for length in self._lengths if not self._is_settled(self._ttfts[length])]
        return min(open_ or self._lengths, key=lambda length: len(self._ttfts[length]))

    def _take(self, length: int, reply: Reply) -> None:
        if reply.verdict != "alive" or reply.ttft is None:
            self._blame(reply)
        else:
            self._failure = ""
            self._ttfts[length].append(reply.ttft)
            if all(self._is_settled(ttfts) for ttfts in self._ttfts.values()):
                self._open()
            elif min(len(ttfts) for ttfts in self._ttfts.values()) >= self._settings.settled:
                self._wait(_PAUSE)

    def _blame(self, reply: Reply) -> None:
        """A request did not work; the next follows after a pause."""
        if reply.result == "unsupported":
            self._state = "unsupported"
            self._monitor.note("warning", f"no warm-up: the engine has no completions ({reply.detail})")
            return
        failure = f"{reply.result}: {reply.detail}" if reply.detail else reply.result
        if failure != self._failure:
            self._monitor.note("warning", f"warm-up request: {failure}")
        self._wait(_PAUSE if reply.verdict == "failed" else _LONG_PAUSE, failure)

    def _wait(self, seconds: float, failure: str = "") -> None:
        self._failure = failure
        pause = max(seconds, _LONG_PAUSE if self._state == "failed" else 0.0)
        self._not_before = self._monitor.clock.monotonic() + pause

    def _open(self) -> None:
        monitor = self._monitor
        self._state = "warm"
        self.duration = self._elapsed()
        if monitor.start_time is not None:
            self.cold_start = max(0.0, monitor.clock.wall() - monitor.start_time)
        number = sum(len(ttfts) for ttfts in self._ttfts.values())
        monitor.note("info", f"warm after {number} requests in {self.duration:.1f} s")

    def _elapsed(self) -> float:
        return self._monitor.clock.monotonic() - self._began

    def _is_settled(self, ttfts: Sequence[float]) -> bool:
        """Whether the last TTFTs agree with their median."""
        last = ttfts[-self._settings.settled :]
        if len(last) < self._settings.settled:
            return False
        middle = median(last)
        return all(abs(ttft - middle) <= max(self._settings.tolerance * middle, _SLACK) for ttft in last)

    def _why(self) -> str:
        """What is done, or what is in the way."""
        if self._failure:
            return self._failure
        need = self._settings.settled
        done, whole = sum(min(need, len(t)) for t in self._ttfts.values()), need * len(self._lengths)
        if done < whole:
            return f"{done} of {whole} requests done"
        length = self._next()
        last = ", ".join(f"{ttft:.2f}" for ttft in self._ttfts[length][-need:])
        return f"TTFT of {length}-token prompts has not settled (last {last} s)"


_OPEN = {
    # Without its counters (--disable-log-stats) nobody can tell a fresh engine from one that serves.
    "unseen": "the engine's counters have not been seen",
    "warm": "warm",
    "served": "the engine had served before",
    "unsupported": "the engine has no completions to warm it with",
}


def request(length: int, chance: random.Random) -> Ask:
    """A synthetic prompt of `length` tokens, random, so that the prefix cache answers none of them."""
    prompt = chance.choices(_TOKEN_IDS, k=length)
    fields = {"prompt": prompt, "max_tokens": OUTPUT_TOKENS, "temperature": 0, "ignore_eos": True}
    return Ask(fields, length + OUTPUT_TOKENS)


def fitting(lengths: Sequence[int], served: Served) -> tuple[int, ...]:
    """Prompt lengths, cut to what the model's context leaves for a prompt."""
    if served.max_tokens is None:
        return tuple(lengths)
    most = max(1, served.max_tokens - OUTPUT_TOKENS)
    return tuple(dict.fromkeys(min(length, most) for length in lengths))


def _served(monitor: Monitor) -> float:
    """Requests that the engine has answered, by its own counters."""
    count = 0.0
    for rank in monitor.ranks.values():
        ttft = rank.histograms[s.TTFT].value if s.TTFT in rank.present else None
        finished = sum(counter.value for counter in rank.split.get(s.FINISHED, {}).values())
        count += max(finished, ttft.count if ttft is not None else 0.0)
    return count
