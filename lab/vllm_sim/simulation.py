"""A scenario playing in virtual time: traffic, faults, restarts and one engine."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from math import inf
from random import Random
from typing import TYPE_CHECKING

from lab.vllm_sim.core import Engine
from lab.vllm_sim.faults import (
    Crash,
    EmptyOutputs,
    Errors,
    Fault,
    PrefixLoss,
    RenameMetric,
    SlowDecode,
    StaleGauges,
    Timeline,
    Wedge,
)
from lab.vllm_sim.page import Page
from lab.vllm_sim.requests import REASONS, Request, Sequence, Sink
from lab.vllm_sim.stats import EngineStats
from lab.vllm_sim.workload import Arrivals, Shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from lab.vllm_sim.scenario import Scenario

COMPLETIONS = ("/v1/completions", "POST")
_BYTES_PER_TOKEN = 4
"""Rule of thumb for English text, used for the Content-Length of simulated requests."""


@dataclass(slots=True)
class Totals:
    """Requests since the beginning, across restarts: arrived = finished + disconnected + lost + in flight.

    `lost` counts those that a crash took and those refused while the engine was down.
    """

    arrived: int = 0
    disconnected: int = 0
    lost: int = 0
    finished: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))


class Simulation:
    """The scenario's world, moved by `advance` alone. Times are seconds since it began.

    `epoch` is the moment of its beginning in seconds since 1970, for the page's timestamps. `on_first_token`
    and `on_finish` hear of every request with exact times.
    """

    def __init__(self, scenario: Scenario, *, epoch: float = 0.0, seed: int | None = None) -> None:
        seed = scenario.seed if seed is None else seed
        self.scenario = scenario
        self.now = 0.0
        self.totals = Totals()
        self.on_first_token: Callable[[Sequence, float], None] = _ignore
        self.on_finish: Callable[[Sequence, float], None] = _ignore
        self.epoch = epoch
        self._arrivals = Arrivals(scenario.traffic, seed)
        self._shapes = Shapes(seed, scenario.engine.max_model_len, scenario.engine.block_size)
        self._live_chance = Random(f"{seed}:live")  # noqa: S311 - a model's chance, not a secret
        self._timeline = Timeline(scenario.faults, scenario.traffic.duration, loop=scenario.traffic.loop)
        self._active: list[Fault] = []
        self._leaving: list[tuple[float, int]] = []
        self._in_flight: dict[int, Request] = {}
        self._fault_chance = Random(f"{seed}:errors")  # noqa: S311 - as above
        self._shape = scenario.engine
        self._start_engine(cold=scenario.engine.cold_start.from_start)

    @property
    def down(self) -> bool:
        """Whether the process is gone, so that connections are refused."""
        return any(isinstance(fault, Crash) for fault in self._active)

    @property
    def in_flight(self) -> int:
        """Requests that neither finished nor went away."""
        return len(self._in_flight)

    def next_event(self) -> float:
        """Return when something happens next, infinity if nothing will."""
        leaving = self._leaving[0][0] if self._leaving else inf
        return min(self._timeline.next_time, self.engine.next_end, self._arrivals.next_time, leaving)

    def advance(self, to: float) -> None:
        """Let everything happen that happens until `to`."""
        while (time := self.next_event()) <= to:
            self.now = time
            if self._timeline.next_time <= time:
                fault, begins = self._timeline.pop()
                self._turn_fault(fault, begins=begins)
            elif self.engine.next_end <= time:
                self.engine.complete()
            elif self._arrivals.next_time <= time:
                self._arrive()
            else:
                self.cancel(heapq.heappop(self._leaving)[1])
        self.now = max(self.now, to)

    def submit(self, prompt_tokens: int, max_tokens: int | None, sink: Sink) -> int:
        """Take a live client's request now; return its number. Its output is `max_tokens` long.

        Without `max_tokens` it is as long as the scenario's mean output.
        """
        phase, _ = self.scenario.traffic.at(self.now)
        room = self.scenario.engine.max_model_len - prompt_tokens
        output = min(max_tokens or max(1, round(phase.output.mean)), room)
        empty = self._live_chance.random() < max(phase.empty_share, self._empty_share())
        request = Request(
            id=self.totals.arrived,
            arrival=self.now,
            prompt_tokens=prompt_tokens,
            output_tokens=1 if empty else output,
            reason="stop" if empty or max_tokens is None else "length",
            max_tokens=max_tokens,
            cached_tokens=self._shapes.cached(phase, prompt_tokens),
            sink=sink,
        )
        self._take(request)
        return request.id

    def offer(self, request: Request) -> int:
        """Take a request that comes from outside, such as a fleet's router, now; return its number.

        Its `id` and `arrival` are set here. Active faults act on it as on the scenario's own requests.
        """
        request = replace(request, id=self.totals.arrived, arrival=self.now)
        if self._empty_share() and self._live_chance.random() < self._empty_share():
            request = replace(request, output_tokens=1, reason="stop")
        self._take(request)
        return request.id

    def cancel(self, request_id: int) -> None:
        """Let a client go away; a request that is finished does not mind."""
        request = self._in_flight.pop(request_id, None)
        if request is not None:
            self.engine.drop(request_id)
            self.totals.disconnected += 1
            self._count_response(request)

    def page(self, names: Collection[str] | None = None) -> str:
        """Return the metrics page now, only the samples in `names` if given."""
        renames = {fault.old: fault.new for fault in self._active if isinstance(fault, RenameMetric)}
        return self._page.render(self.epoch + self.now, names, renames)

    def count_response(self, route: tuple[str, str], status: int, seconds: float, sizes: tuple[int, int]) -> None:
        """Count a response to a live client, see `HttpStats.record`."""
        self.engine.stats.http.record(route, status, self.epoch + self.now, seconds, sizes)

    def first_token(self, seq: Sequence, now: float) -> None:
        """Hear from the engine of a first token."""
        self.on_first_token(seq, now)

    def finished(self, seq: Sequence, now: float) -> None:
        """Hear from the engine of a finish."""
        self._in_flight.pop(seq.request.id, None)
        self.totals.finished[seq.request.reason] += 1
        self._count_response(seq.request)
        self.on_finish(seq, now)

    def _start_engine(self, *, cold: bool) -> None:
        created = self.epoch + self.now
        stats = EngineStats(self._shape.max_model_len, created)
        self.engine = Engine(self._shape, stats, self, cold=cold)
        self._page = Page(stats, self._shape, created)
        self._apply_faults()

    def _arrive(self) -> None:
        request, patience = self._shapes.draw(
            self._arrivals.phase, self.totals.arrived, self._arrivals.next_time, self._empty_share()
        )
        self._arrivals.advance()
        self._take(request)
        if patience < inf:
            heapq.heappush(self._leaving, (request.arrival + patience, request.id))

    def _take(self, request: Request) -> None:
        self.totals.arrived += 1
        if self.down:
            self.totals.lost += 1
            return
        if self._fault_chance.random() < self._share(Errors):
            request = replace(request, output_tokens=max(1, request.output_tokens // 2), reason="error")
        self._in_flight[request.id] = request
        self.engine.submit(request, self.now)

    def _count_response(self, request: Request) -> None:
        if request.sink is None:
            sizes = request.prompt_tokens * _BYTES_PER_TOKEN, 0
            status = 500 if request.reason == "error" else 200
            self.count_response(COMPLETIONS, status, self.now - request.arrival, sizes)

    def _empty_share(self) -> float:
        return self._share(EmptyOutputs)

    def _share(self, kind: type[EmptyOutputs | Errors]) -> float:
        return max((fault.share for fault in self._active if isinstance(fault, kind)), default=0.0)

    def _turn_fault(self, fault: Fault, *, begins: bool) -> None:
        if begins:
            self._active.append(fault)
        elif fault in self._active:
            self._active.remove(fault)
        if isinstance(fault, Crash):
            self._crash() if begins else self._restart(fault)
        self._apply_faults()

    def _crash(self) -> None:
        """Lose what is in flight; a wedge does not outlive the process."""
        self.totals.lost += len(self._in_flight)
        self._in_flight.clear()
        self._active = [fault for fault in self._active if not isinstance(fault, Wedge)]
        self.engine.freeze(self.now)

    def _restart(self, crash: Crash) -> None:
        """Start a new process, in the release that the crash names; when the scenario begins anew, in its own."""
        self._shape = replace(self._shape, version=crash.version or self._shape.version)
        self._start_engine(cold=True)

    def _apply_faults(self) -> None:
        engine = self.engine
        engine.slowdown = 1.0
        for fault in self._active:
            if isinstance(fault, SlowDecode):
                engine.slowdown *= fault.factor
        engine.prefixes.blind = any(isinstance(fault, PrefixLoss) for fault in self._active)
        engine.stale = any(isinstance(fault, StaleGauges) for fault in self._active)
        if any(isinstance(fault, Wedge | Crash) for fault in self._active):
            engine.freeze(self.now)
        else:
            engine.thaw(self.now)


def _ignore(_seq: Sequence, _now: float) -> None:
    """Take no note."""
