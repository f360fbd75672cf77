"""A scenario at a glance: played in virtual time, one row per interval, and what moved first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.vllm_sim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.vllm_sim.requests import Sequence
    from lab.vllm_sim.scenario import Scenario

SAMPLE_SECONDS = 0.25
WINDOW_SECONDS = 60.0
KV_OBJECTIVE = 0.85
PRESSURE_OBJECTIVE = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """The state at one moment. `ttft_*` are exact quantiles over the last 60 s, None without a request."""

    time: float
    rate: float
    running: int
    waiting: int
    kv_usage: float
    preemptions: int
    finished: int
    ttft_p50: float | None
    ttft_p99: float | None

    @property
    def pressure(self) -> float:
        """Queue pressure: waiting requests per running one."""
        return self.waiting / max(self.running, 1)


class TtftWindow:
    """Times to first token of the last 60 s, as the clients see them."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, seq: Sequence, now: float) -> None:
        """Take one first token."""
        self._seen.append((now, now - seq.request.arrival))

    def quantiles(self, now: float) -> tuple[float, float] | None:
        """Return p50 and p99 (nearest rank), None without a first token in the window."""
        while self._seen and self._seen[0][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()
        ordered = sorted(value for _, value in self._seen)
        if not ordered:
            return None
        last = len(ordered) - 1
        return ordered[round(0.5 * last)], ordered[round(0.99 * last)]


def play(scenario: Scenario, *, seed: int | None = None, every: float = SAMPLE_SECONDS) -> Iterator[Row]:
    """Play a scenario once in virtual time and yield a row every `every` seconds."""
    simulation, window = Simulation(scenario, seed=seed), TtftWindow()
    simulation.on_first_token = window.add
    for index in range(int(scenario.traffic.duration / every) + 1):
        now = index * every
        simulation.advance(now)
        stats = simulation.engine.stats
        quantiles = window.quantiles(now)
        yield Row(
            time=now,
            rate=scenario.traffic.rate(now),
            running=stats.gauges.running,
            waiting=stats.gauges.waiting,
            kv_usage=stats.gauges.kv_usage,
            preemptions=stats.preemptions,
            finished=sum(simulation.totals.finished.values()),
            ttft_p50=quantiles[0] if quantiles else None,
            ttft_p99=quantiles[1] if quantiles else None,
        )


def firsts(rows: list[Row], ttft_slo: float) -> dict[str, float | None]:
    """Return when each signal is first beyond its objective, None if it never is."""

    def first(is_over: Callable[[Row], bool]) -> float | None:
        return next((row.time for row in rows if is_over(row)), None)

    return {
        f"queue pressure > {PRESSURE_OBJECTIVE:g}": first(lambda row: row.pressure > PRESSURE_OBJECTIVE),
        f"KV-cache usage > {KV_OBJECTIVE:g}": first(lambda row: row.kv_usage > KV_OBJECTIVE),
        "first preemption": first(lambda row: row.preemptions > 0),
        f"TTFT p99 (60 s) > {ttft_slo:g} s": first(lambda row: (row.ttft_p99 or 0.0) > ttft_slo),
    }


def lines(scenario: Scenario, *, seed: int | None, every: float) -> Iterator[str]:
    """Yield the table as text, `every` seconds a row."""
    rows = list(play(scenario, seed=seed))
    yield "  time  req/s  running  waiting  pressure    KV  preempted  finished  TTFT p50    p99"
    step = max(1, round(every / SAMPLE_SECONDS))
    for row in rows[::step]:
        yield (
            f"{row.time:6.1f} {row.rate:6.1f} {row.running:8d} {row.waiting:8d} {row.pressure:9.2f} "
            f"{row.kv_usage:5.2f} {row.preemptions:10d} {row.finished:9d} "
            f"{_seconds(row.ttft_p50):>9} {_seconds(row.ttft_p99):>6}"
        )
    for signal, time in firsts(rows, scenario.ttft_slo).items():
        yield f"{signal}: {'never' if time is None else f'{time:g} s'}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
