"""A fleet of simulated engines behind a router that picks the replica with the fewest requests in flight."""

from __future__ import annotations

import heapq
from copy import deepcopy
from math import inf
from random import Random
from typing import TYPE_CHECKING

from lab.vllm_sim import scenario as simulator
from lab.vllm_sim.faults import RenameMetric
from lab.vllm_sim.requests import Request, Sequence
from lab.vllm_sim.simulation import Simulation
from lab.vllm_sim.workload import Lengths, Phase, Traffic

if TYPE_CHECKING:
    from lab.arrivals import Arrival
    from lab.pain import Outcomes
    from lab.scenario import Member, Scenario

EPOCH = 15.0
"""Seconds since 1970 at which a scenario begins: promtool's tests begin in 1970, and a process cannot start at 0."""

_SILENCE = Traffic((Phase(1.0, 0.0, 0.0, Lengths(1), Lengths(1)),), loop=False)


class Replica(Simulation):
    """One engine, fed by the router. It lives on a clock of its own that begins when it joins."""

    def __init__(self, index: int, member: Member, scenario: Scenario, outcomes: Outcomes) -> None:
        play = simulator.Scenario(f"replica {index}", scenario.engine, _SILENCE, member.faults, seed=scenario.seed)
        super().__init__(play, epoch=EPOCH + member.joins)
        self.index = index
        self.member = member
        self._outcomes = outcomes
        self._shape = scenario.engine
        self._chance = Random(f"{scenario.seed}:{index}:answers")  # noqa: S311  a model's chance, not a secret

    def present(self, time: float) -> bool:
        """Whether its process is there at `time` of the scenario: a leaving replica ends what it has."""
        leaves = self.member.leaves
        return self.member.joins <= time and (leaves is None or time < leaves or self.in_flight > 0)

    def serves(self, time: float) -> bool:
        """Whether the router may send requests: it cannot see a wedge, but a refused connection it can."""
        leaves = self.member.leaves
        return self.member.joins <= time and (leaves is None or time < leaves) and not self.down

    def wrong_share(self, time: float) -> float:
        """The share of its answers that are wrong at `time` of the scenario."""
        return _share(self.member.wrong, time)

    @property
    def renamed(self) -> bool:
        """Whether its page shows a family under another name at present."""
        return any(isinstance(fault, RenameMetric) for fault in self._active)

    def play_to(self, time: float) -> None:
        """Let everything happen until `time` of the scenario."""
        if time > self.member.joins:
            self.advance(time - self.member.joins)

    def arrive(self, number: int, arrival: Arrival) -> None:
        """Take a request now."""
        member, time = self.member, arrival.time
        prompt = min(arrival.prompt_tokens, self._shape.max_model_len - 1)
        room = min(self._shape.max_model_len - prompt, arrival.max_tokens or self._shape.max_model_len)
        output, reason = min(arrival.output_tokens, room), arrival.reason
        if arrival.output_tokens > room and reason == "stop":
            reason = "length"
        empty = arrival.empty or self._chance.random() < _share(member.empty, time)
        if empty:
            output, reason = 1, "stop"
        if self._chance.random() < _share(member.errors, time):
            reason = "error"
        size = self._shape.block_size
        request = Request(
            id=number,
            arrival=time - member.joins,
            prompt_tokens=prompt,
            output_tokens=output,
            reason=reason,
            max_tokens=arrival.max_tokens,
            cached_tokens=int(min(prompt * arrival.cached_share, prompt - 1)) // size * size,
        )
        self._outcomes.arrived(number, time, failing=empty or reason == "error")
        self._take(request)
        if arrival.patience < inf:
            heapq.heappush(self._leaving, (request.arrival + arrival.patience, number))

    def first_token(self, seq: Sequence, now: float) -> None:
        """Pass a first token on to the clients' side."""
        super().first_token(seq, now)
        self._outcomes.first_token(seq.request.id, self.member.joins + now)

    def finished(self, seq: Sequence, now: float) -> None:
        """Pass a finish on to the clients' side."""
        super().finished(seq, now)
        self._outcomes.finished(seq.request.id, self.member.joins + now, seq.generated)

    def cancel(self, request_id: int) -> None:
        """A client goes away."""
        if request_id in self._in_flight:
            self._outcomes.left(request_id, self.member.joins + self.now)
        super().cancel(request_id)

    def _crash(self) -> None:
        for number in self._in_flight:
            self._outcomes.failed(number, self.member.joins + self.now)
        super()._crash()


def _share(marks: tuple[tuple[float, float, float], ...], time: float) -> float:
    return max((share for begin, end, share in marks if begin <= time < end), default=0.0)


class Fleet:
    """All replicas and the requests that come to them, moved by `advance` alone."""

    def __init__(self, scenario: Scenario, arrivals: list[Arrival], outcomes: Outcomes) -> None:
        self.now = 0.0
        self.outcomes = outcomes
        self.replicas = [Replica(i, member, scenario, outcomes) for i, member in enumerate(scenario.members)]
        self._arrivals = arrivals
        self._next = 0
        self._turn = 0

    def advance(self, to: float) -> None:
        """Let everything happen until `to` seconds of the scenario."""
        while self._next < len(self._arrivals) and self._arrivals[self._next].time <= to:
            arrival = self._arrivals[self._next]
            for replica in self.replicas:
                replica.play_to(arrival.time)
            self._route(self._next, arrival)
            self._next += 1
        for replica in self.replicas:
            replica.play_to(to)
        self.now = to

    def redirect(self, arrivals: list[Arrival]) -> None:
        """From now on, only these requests come."""
        self._arrivals = self._arrivals[: self._next] + arrivals

    def copy(self) -> Fleet:
        """Another fleet in the same state; the requests to come are shared, as nothing changes them."""
        return deepcopy(self, {id(self._arrivals): self._arrivals})

    @property
    def busy(self) -> bool:
        """Whether requests are in flight."""
        return any(replica.in_flight for replica in self.replicas)

    def _route(self, number: int, arrival: Arrival) -> None:
        """Least in flight; the replica after the last one chosen wins a tie."""
        serving = [replica for replica in self.replicas if replica.serves(arrival.time)]
        if not serving:
            self.outcomes.arrived(number, arrival.time, failing=True)
            self.outcomes.failed(number, arrival.time)
            return
        count = len(self.replicas)
        chosen = min(serving, key=lambda r: (r.in_flight, (r.index - self._turn) % count))
        self._turn = chosen.index + 1
        chosen.arrive(number, arrival)
