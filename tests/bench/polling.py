"""CPU time and memory of polling: every program polls the same server at the same rate at the same time."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import urlopen

from tests.bench.figures import Row, ratios, spread
from tests.bench.pollers import ALL, FOREWARN, NEVER, PROMETHEUS, USUAL, VMAGENT
from tests.bench.processes import HOST, BenchError, Child, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.bench.pollers import Setting

INTERVAL = 0.2
"""Seconds between whole pages: often enough for a steady figure, seldom enough that nobody falls behind."""
ROUND = 5.0
WARM_UP = 4.0
_START = 60.0
SCRAPE_INTERVAL = 15.0
"""Prometheus's and vmagent's usual interval."""


@dataclass(frozen=True, slots=True)
class PollingCost:
    """By program: CPU seconds per poll, one a round, and resident MiB at the end."""

    cpu: Mapping[str, Sequence[float]]
    rss: Mapping[str, float]


def counts(server: str) -> dict[str, int]:
    """Whole pages that the page server has sent, by name."""
    with urlopen(f"{server}/counts", timeout=10) as answer:  # noqa: S310  the bench's own server
        found: dict[str, int] = json.load(answer)
        return found


def together(costs: Sequence[PollingCost]) -> PollingCost:
    """Several runs as one: all rounds, and the most memory that any of them took."""
    cpu = {kind: [spent for cost in costs for spent in cost.cpu[kind]] for kind in ALL}
    return PollingCost(cpu, {kind: max(cost.rss[kind] for cost in costs) for kind in ALL})


def measure(here: Setting, seconds: float, say: Callable[[str], None]) -> PollingCost:
    """Poll for `seconds` and take CPU time per poll, less what each program uses when it polls nothing."""
    active = {kind: here.pollers.start(kind, kind, INTERVAL) for kind in ALL}
    idle = {kind: here.pollers.start(kind, f"{kind}-idle", NEVER) for kind in ALL}
    _warm_up(here)
    cpu: dict[str, list[float]] = {kind: [] for kind in ALL}
    for number in range(max(1, round(seconds / ROUND))):
        here.children.check()
        work = _round(active, idle, here.server)
        for kind, per_poll in work.items():
            cpu[kind].append(per_poll)
        say(f"  round {number + 1}: " + ", ".join(f"{kind} {1e3 * work[kind]:.2f} ms" for kind in ALL))
    return PollingCost(cpu, {kind: child.rss() for kind, child in active.items()})


def _warm_up(here: Setting) -> None:
    """Wait until every program has polled for a while, past its start and first full reading of the page."""
    deadline = time.monotonic() + _START
    while min(counts(here.server).get(kind, 0) for kind in ALL) * INTERVAL < WARM_UP:
        here.children.check()
        if time.monotonic() > deadline:
            raise BenchError(f"not every program polls: {counts(here.server)}")
        time.sleep(INTERVAL)


def _round(active: Mapping[str, Child], idle: Mapping[str, Child], server: str) -> dict[str, float]:
    """CPU seconds per poll of each program in one round."""
    polls = counts(server)
    busy = {kind: -child.cpu() for kind, child in active.items()}
    resting = {kind: -child.cpu() for kind, child in idle.items()}
    time.sleep(ROUND)
    after = counts(server)
    per_poll = {}
    for kind in active:
        spent = busy[kind] + active[kind].cpu() - (resting[kind] + idle[kind].cpu())
        per_poll[kind] = spent / (after[kind] - polls[kind])
    return per_poll


def rows(cost: PollingCost) -> list[Row]:
    """The table's lines."""
    own = cost.cpu[FOREWARN]
    vmagent, prometheus = ratios(own, cost.cpu[VMAGENT]), ratios(own, cost.cpu[PROMETHEUS])
    usual = ratios(cost.cpu[USUAL], cost.cpu[VMAGENT])
    times = ", ".join(f"{kind} {1e3 * spread(cost.cpu[kind]).median:.2f} ms" for kind in ALL)
    others = ", ".join(f"{kind} {cost.rss[kind]:.0f}" for kind in ALL if kind != FOREWARN)
    return [
        Row("CPU per whole-page poll ÷ vmagent's", vmagent.text(2), "≤ 0.6", vmagent.median <= 0.6),
        Row("CPU per whole-page poll ÷ Prometheus's", prometheus.text(2), "≤ 0.5", prometheus.median <= 0.5),
        Row("the usual way's CPU per poll ÷ vmagent's", usual.text(1)),
        Row("CPU per poll, medians", times),
        Row(
            "resident memory after the run",
            f"{cost.rss[FOREWARN]:.0f} MiB ({others})",
            "≤ 40 MiB",
            cost.rss[FOREWARN] <= 40,
        ),
    ]


def measure_as_installed(here: Setting, seconds: float) -> Row:
    """CPU of each program at its own default pace; the sidecar is scraped as well, every 15 s."""
    port = free_port()
    running = {FOREWARN: here.pollers.forewarn("installed", port)}
    for kind in (VMAGENT, PROMETHEUS):
        running[kind] = here.pollers.start(kind, f"{kind}-installed", SCRAPE_INTERVAL)
    time.sleep(WARM_UP)
    here.children.check()
    before = {kind: child.cpu() for kind, child in running.items()}
    started = time.monotonic()
    scrapes = max(1, round(seconds / SCRAPE_INTERVAL))
    for _ in range(scrapes):
        with urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as page:
            page.read()
        time.sleep(seconds / scrapes)
    took = time.monotonic() - started
    shares = {kind: (child.cpu() - before[kind]) / took for kind, child in running.items()}
    text = ", ".join(f"{kind} {100 * share:.2f} %" for kind, share in shares.items())
    return Row("share of one core as installed (forewarn polls 4 × a second, the others every 15 s)", text)
