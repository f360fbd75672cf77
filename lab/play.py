"""Plays a scenario: the fleet, its sidecars, and what Prometheus scrapes of them."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.fleet import Fleet
from lab.pain import Outcomes, Spell, Verdict, spells
from lab.tape import SCRAPE_SECONDS, Tape
from lab.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.scenario import Scenario

AGE_SECONDS = SCRAPE_SECONDS / 2
"""How old a scrape is when rules read it: Prometheus spreads scrapes and evaluations evenly, so half an interval."""
DEPLOYMENT = "lab"


@dataclass(frozen=True, slots=True)
class Signal:
    """The fleet at one scrape, for plots: sums of requests, means of the present replicas."""

    time: float
    replicas: int
    running: float
    waiting: float
    kv_usage: float
    preemptions: float


@dataclass(frozen=True, slots=True)
class Played:
    """A finished run."""

    tape: Tape
    verdicts: list[Verdict]
    pain: list[Spell]
    signals: list[Signal]


def play(scenario: Scenario, scraped: frozenset[str], progress: Callable[[float], None] = lambda _: None) -> Played:
    """Play to the end.

    `scraped` are the series to keep of the engines' own pages; `progress` hears the seconds played at every scrape.
    """
    fleet = Fleet(scenario, scenario.arrivals(), Outcomes())
    tape, signals = Tape(), []
    watches = [Watch(replica, scenario, DEPLOYMENT) for replica in fleet.replicas]
    due = [(watch.due, index) for index, watch in enumerate(watches)]
    heapq.heapify(due)
    for scrape in range(1, int(scenario.duration / SCRAPE_SECONDS) + 1):
        now = scrape * SCRAPE_SECONDS - AGE_SECONDS
        while due[0][0] <= now:
            _poll(fleet, watches, due)
        fleet.advance(now)
        tape.begin()
        for watch in watches:
            if watch.replica.present(now):
                watch.scrape(tape, now, scraped)
        signals.append(_signal(fleet, now))
        progress(now)
    verdicts = fleet.outcomes.verdicts(scenario.slo, scenario.duration)
    return Played(tape, verdicts, spells(verdicts), signals)


def _poll(fleet: Fleet, watches: list[Watch], due: list[tuple[float, int]]) -> None:
    time, index = heapq.heappop(due)
    if time > fleet.now:
        fleet.advance(time)
    watch = watches[index]
    if watch.replica.present(time):
        watch.poll()
        heapq.heappush(due, (watch.due, index))
    elif not due:
        heapq.heappush(due, (float("inf"), index))


def _signal(fleet: Fleet, now: float) -> Signal:
    present = [replica for replica in fleet.replicas if replica.present(now)]
    count = max(len(present), 1)
    gauges = [replica.engine.stats.gauges for replica in present]
    return Signal(
        time=now,
        replicas=len(present),
        running=sum(gauge.running for gauge in gauges),
        waiting=sum(gauge.waiting for gauge in gauges),
        kv_usage=sum(gauge.kv_usage for gauge in gauges) / count,
        preemptions=sum(replica.engine.stats.preemptions for replica in present),
    )
