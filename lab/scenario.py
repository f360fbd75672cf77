"""What a lab run plays: the values that `reading` makes of a scenario file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.arrivals import arrivals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.arrivals import Arrival, Stretch
    from lab.vllm_sim.core import EngineShape
    from lab.vllm_sim.faults import Fault


@dataclass(frozen=True, slots=True)
class Slo:
    """What users bear: seconds to the first token, and mean seconds for each further one."""

    ttft: float
    tpot: float


@dataclass(frozen=True, slots=True)
class Member:
    """One replica: when it joins and leaves the fleet (seconds), what it is, and what goes wrong on it.

    `empty`, `errors` and `wrong` are (begin, end, share): meanwhile that share of its answers has no text, fails, or is
    wrong. `faults` are the simulator's, by the replica's own clock.
    """

    joins: float = 0.0
    leaves: float | None = None
    version: str = "v1"
    track: str = "stable"
    faults: tuple[Fault, ...] = ()
    empty: tuple[tuple[float, float, float], ...] = ()
    errors: tuple[tuple[float, float, float], ...] = ()
    wrong: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """What goes wrong, for the score.

    `at` is when it begins (seconds). `step` says that it is there at once, so that the time to its detection counts;
    otherwise the lead over the users' pain does. `silent` incidents hurt no latency: any alert `within` so many
    seconds of `at` finds them.
    """

    kind: str
    at: float
    step: bool = False
    silent: bool = False
    within: float = 1800.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario fit to play. `incident` is None on a quiet day. `settings` are those of every sidecar."""

    name: str
    description: str
    split: str
    shape: str
    seed: int
    engine: EngineShape
    slo: Slo
    members: tuple[Member, ...]
    traffic: tuple[Stretch, ...]
    incident: Incident | None
    settings: Mapping[str, object]
    golden: bool = False
    """Whether the sidecars ask golden prompts."""
    digest: str = ""

    @property
    def duration(self) -> float:
        """Seconds of play."""
        return sum(stretch.duration for stretch in self.traffic)

    def arrivals(self) -> list[Arrival]:
        """All requests in order."""
        return arrivals(self.traffic, self.seed)

    def held_at(self, time: float, duration: float) -> tuple[Stretch, ...]:
        """Traffic as it is at `time`, for `duration` seconds more."""
        for stretch in self.traffic:
            if time < stretch.duration:
                return (stretch.held(time, duration),)
            time -= stretch.duration
        last = self.traffic[-1]
        return (replace(last.held(last.duration, duration)),)
