"""Several engines in lock step, and arrivals that come from outside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.vllm_sim.faults import Crash, Errors
from lab.vllm_sim.fleet import Fleet, RoundRobin, least_loaded
from lab.vllm_sim.requests import Request
from lab.vllm_sim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.vllm_sim.faults import Fault
    from lab.vllm_sim.scenario import Scenario


def requests(count: int, gap: float = 0.5) -> list[Request]:
    """Return requests `gap` seconds apart."""
    return [Request(id=0, arrival=gap * number, prompt_tokens=100, output_tokens=20) for number in range(count)]


def replicas(make: Callable[..., Scenario], *faults: tuple[Fault, ...]) -> list[Simulation]:
    """Return a replica without traffic of its own for each set of faults."""
    return [Simulation(make(*own, rate=0.0)) for own in faults]


def test_routed_requests_end_as_if_they_were_alone(make_scenario: Callable[..., Scenario]) -> None:
    """Two replicas in turn serve every request, each at its own arrival time."""
    fleet = Fleet(replicas(make_scenario, (), ()), requests(10), RoundRobin())
    fleet.advance(30.0)
    for replica in fleet.replicas:
        stats = replica.engine.stats
        assert replica.totals.finished["stop"] == replica.totals.arrived == 5
        assert stats.time_to_first_token.total == pytest.approx(5 * (0.012 + 100 * 0.00002))
        assert stats.generation_tokens == 100


def test_least_loaded_fills_the_emptier_replica(make_scenario: Callable[..., Scenario]) -> None:
    """The router looks at what is in flight at the moment of the arrival."""
    fleet = Fleet(replicas(make_scenario, (), (), ()), requests(7, gap=0.0), least_loaded)
    fleet.advance(0.0)
    assert [replica.in_flight for replica in fleet.replicas] == [3, 2, 2]


def test_a_dead_replica_is_not_asked(make_scenario: Callable[..., Scenario]) -> None:
    """While one replica is down the other gets all; with none up requests are lost."""
    crash = (Crash(2.0, 4.0),)
    fleet = Fleet(replicas(make_scenario, crash, ()), requests(20), RoundRobin())
    fleet.advance(30.0)
    assert fleet.lost == 0
    assert [replica.totals.arrived for replica in fleet.replicas] == [6, 14]
    alone = Fleet(replicas(make_scenario, crash), requests(20))
    alone.advance(30.0)
    assert alone.lost == 8


def test_faults_act_on_offered_requests(make_scenario: Callable[..., Scenario]) -> None:
    """Errors hit requests from outside, and count as 5xx and as finished with an error."""
    (replica,) = replicas(make_scenario, (Errors(0.0, share=1.0),))
    replica.advance(1.0)
    replica.offer(replace(requests(1)[0], prefix="system", prefix_tokens=64))
    replica.advance(5.0)
    assert replica.totals.finished["error"] == 1
    assert 'http_requests_total{handler="/v1/completions",method="POST",status="5xx"} 1.0' in replica.page()
