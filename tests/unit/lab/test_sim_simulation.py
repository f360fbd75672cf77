"""A scenario in virtual time: conservation, determinism, monotone counters, and each fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lab.vllm_sim.faults import Crash, EmptyOutputs, Fault, RenameMetric, SlowDecode, StaleGauges, Timeline, Wedge
from lab.vllm_sim.scenario import load_scenario
from lab.vllm_sim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.vllm_sim.scenario import Scenario

    MakeScenario = Callable[..., Scenario]

GAUGES = {"vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"}


def samples(simulation: Simulation) -> dict[tuple[str, str], float]:
    """Return the page's samples by name and labels."""
    return {
        (sample.name, str(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(simulation.page())
        for sample in family.samples
    }


def conserved(simulation: Simulation) -> bool:
    """Say whether every request that arrived is accounted for."""
    totals = simulation.totals
    finished = sum(totals.finished.values())
    return totals.arrived == finished + totals.disconnected + totals.lost + simulation.in_flight


ALL_FAULTS: tuple[Fault, ...] = (
    Wedge(10, 5), Crash(20, 5), SlowDecode(30, 5, factor=4), EmptyOutputs(35, 5, share=0.5),
    RenameMetric(40, 5, old="vllm:num_requests_waiting", new="vllm:queue"), StaleGauges(50, 5),
)  # fmt: skip


@pytest.mark.parametrize("name", ["steady", "overload", "kv_bound", "wedge", "empty_outputs", "crash", "rename"])
def test_shipped_scenarios_conserve_requests_and_blocks(scenarios: Path, name: str) -> None:
    """In every shipped scenario arrived = finished + in flight + gone, and KV use stays within capacity."""
    simulation = Simulation(load_scenario(scenarios / f"{name}.yaml"))
    for second in range(0, 200, 2):
        simulation.advance(float(second))
        blocks = simulation.engine.blocks
        assert conserved(simulation)
        assert 0 <= blocks.used <= blocks.capacity
    assert simulation.totals.arrived > 100


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), disconnects=st.floats(0, 0.5), cut=st.integers(1, 60))
def test_requests_are_conserved_through_all_faults(
    make_scenario: MakeScenario, seed: int, disconnects: float, cut: int
) -> None:
    """Whatever the seed and the share of clients that leave, no request is lost from the books."""
    scenario = make_scenario(*ALL_FAULTS, seed=seed, disconnect_share=disconnects)
    simulation = Simulation(scenario)
    simulation.advance(float(cut))
    assert conserved(simulation)


def test_same_seed_same_page(make_scenario: MakeScenario) -> None:
    """Two runs of a seed are equal to the byte, however finely time is advanced; another seed differs."""
    scenario = make_scenario(*ALL_FAULTS, disconnect_share=0.1)
    coarse, fine, other = Simulation(scenario), Simulation(scenario), Simulation(scenario, seed=99)
    coarse.advance(60.0)
    other.advance(60.0)
    for tenth in range(601):
        fine.advance(tenth / 10)
    assert coarse.page() == fine.page()
    assert coarse.page() != other.page()


def test_counters_never_fall(make_scenario: MakeScenario) -> None:
    """Between restarts every counter, bucket, count and sum only grows."""
    simulation = Simulation(make_scenario(Wedge(10, 5), SlowDecode(20, 5, factor=4), disconnect_share=0.1))
    before: dict[tuple[str, str], float] = {}
    for second in range(60):
        simulation.advance(float(second))
        now = samples(simulation)
        for key, value in before.items():
            if key[0].endswith(("_total", "_bucket", "_count", "_sum")):
                assert now[key] >= value, key
        before = now


def test_wedge_stops_tokens_and_leaves_gauges(make_scenario: MakeScenario) -> None:
    """During a wedge nothing is generated, gauges keep their values though requests arrive, then work goes on."""
    simulation = Simulation(make_scenario(Wedge(10, 20)))
    simulation.advance(10.5)
    tokens, gauges, arrived = simulation.engine.stats.generation_tokens, samples(simulation), simulation.totals.arrived
    simulation.advance(29.9)
    assert simulation.engine.stats.generation_tokens == tokens
    assert {key: value for key, value in samples(simulation).items() if key[0] in GAUGES} == {
        key: value for key, value in gauges.items() if key[0] in GAUGES
    }
    assert simulation.totals.arrived > arrived + 200
    assert not simulation.down
    simulation.advance(31.0)
    assert simulation.engine.stats.gauges.waiting > 100
    simulation.advance(60.0)
    assert simulation.engine.stats.gauges.waiting < 10


def test_crash_loses_what_is_in_flight_and_restarts_from_zero(make_scenario: MakeScenario) -> None:
    """A crashed engine is down for its time; the new one has fresh counters and a later start time."""
    simulation = Simulation(make_scenario(Crash(20, 5)), epoch=1000.0)
    simulation.advance(19.9)
    before, finished = samples(simulation), sum(simulation.totals.finished.values())
    simulation.advance(24.9)
    assert simulation.down
    assert simulation.in_flight == 0
    assert sum(simulation.totals.finished.values()) - finished <= 4
    simulation.advance(26.0)
    assert not simulation.down
    after = samples(simulation)
    assert after["process_start_time_seconds", "[]"] == before["process_start_time_seconds", "[]"] + 25 == 1025.0
    tokens = next(key for key in after if key[0] == "vllm:generation_tokens_total")
    assert 0 < after[tokens] < before[tokens]
    assert simulation.totals.lost > 50


def test_restart_ends_a_wedge(make_scenario: MakeScenario) -> None:
    """The new process is not wedged, though the wedge was to last longer."""
    simulation = Simulation(make_scenario(Wedge(10), Crash(20, 5)))
    simulation.advance(30.0)
    assert simulation.engine.stats.generation_tokens > 0


def test_slow_decode_stretches_inter_token_latency(make_scenario: MakeScenario) -> None:
    """A factor of 5 makes the mean inter-token latency several times as long, while it lasts."""

    def mean(simulation: Simulation, start: float, end: float) -> float:
        simulation.advance(start)
        latency = simulation.engine.stats.inter_token_latency
        count, total = latency.count, latency.total
        simulation.advance(end)
        return (latency.total - total) / (latency.count - count)

    simulation = Simulation(make_scenario(SlowDecode(20, 10, factor=5), rate=4.0))
    calm, slow, again = mean(simulation, 0, 20), mean(simulation, 20, 30), mean(simulation, 35, 60)
    assert slow > 3.5 * calm
    assert again == pytest.approx(calm, rel=0.2)


def test_empty_outputs_end_after_one_token_with_stop(make_scenario: MakeScenario) -> None:
    """The share of one-token answers is that of the fault, and only while it lasts."""
    simulation = Simulation(make_scenario(EmptyOutputs(20, 20, share=0.4)))
    ones = simulation.engine.stats.request_generation_tokens

    def share(start: float, end: float) -> float:
        simulation.advance(start)
        count, empty = ones.count, ones.counts[0]
        simulation.advance(end)
        return (ones.counts[0] - empty) / (ones.count - count)

    assert share(0, 20) < 0.02
    assert share(21, 40) == pytest.approx(0.4, abs=0.1)
    assert share(42, 60) < 0.02
    assert simulation.engine.stats.finished["length"] == 0


def test_rename_moves_a_family_and_its_samples(make_scenario: MakeScenario) -> None:
    """A renamed counter keeps its value under the new name, `_created` included, and returns afterwards."""
    fault = RenameMetric(20, 20, old="vllm:num_preemptions_total", new="vllm:preempted_total")
    simulation = Simulation(make_scenario(fault))
    simulation.advance(30.0)
    page = simulation.page()
    assert "vllm:num_preemptions" not in page
    assert '# TYPE vllm:preempted_total counter\nvllm:preempted_total{engine="0",model_name="sim-8b"} ' in page
    assert "vllm:preempted_created{" in page
    simulation.advance(41.0)
    assert "vllm:preempted" not in simulation.page()


def test_stale_gauges_stand_while_tokens_flow(make_scenario: MakeScenario) -> None:
    """Published gauges keep their values through the fault while tokens are generated."""
    simulation = Simulation(make_scenario(StaleGauges(20, 20)))
    simulation.advance(20.0)
    gauges, tokens = simulation.engine.stats.gauges, simulation.engine.stats.generation_tokens
    simulation.advance(39.9)
    assert simulation.engine.stats.gauges == gauges
    assert simulation.engine.stats.generation_tokens > tokens
    simulation.advance(45.0)
    assert simulation.engine.stats.gauges != gauges


def test_faults_come_again_in_every_round() -> None:
    """In a loop a fault without an end ends with the round and begins again in the next."""
    timeline = Timeline([Wedge(10), SlowDecode(20, 5, factor=2)], 60.0, loop=True)
    seen = []
    for _ in range(6):
        time = timeline.next_time
        fault, begins = timeline.pop()
        seen.append((time, type(fault).__name__, begins))
    assert seen == [
        (10.0, "Wedge", True),
        (20.0, "SlowDecode", True),
        (25.0, "SlowDecode", False),
        (60.0, "Wedge", False),
        (70.0, "Wedge", True),
        (80.0, "SlowDecode", True),
    ]


def test_disconnected_clients_show_in_ttft_but_in_no_finish(make_scenario: MakeScenario) -> None:
    """With many clients that leave, TTFT counts exceed finished requests by about their number."""
    simulation = Simulation(make_scenario(disconnect_share=0.5, disconnect_after=0.2))
    simulation.advance(60.0)
    stats = simulation.engine.stats
    missing = stats.time_to_first_token.count - stats.e2e_request_latency.count
    assert 0 < missing <= simulation.totals.disconnected + simulation.in_flight
    assert stats.finished["abort"] == 0


def test_live_request_goes_through_the_same_engine(make_scenario: MakeScenario) -> None:
    """A live client's tokens arrive one by one and are counted like any other's."""
    simulation = Simulation(make_scenario(rate=0.0))
    heard: list[tuple[int, str | None]] = []
    simulation.advance(5.0)
    simulation.submit(100, 4, lambda tokens, reason: heard.append((tokens, reason)))
    simulation.advance(10.0)
    assert heard == [(1, None), (2, None), (3, None), (4, "length")]
    assert simulation.engine.stats.generation_tokens == 4
    assert simulation.engine.stats.http.routes == {}


def test_live_request_during_empty_outputs_is_empty(make_scenario: MakeScenario) -> None:
    """The fault meets live clients too."""
    simulation = Simulation(make_scenario(EmptyOutputs(0, 60, share=1.0), rate=0.0))
    heard: list[tuple[int, str | None]] = []
    simulation.advance(1.0)
    simulation.submit(100, 16, lambda tokens, reason: heard.append((tokens, reason)))
    simulation.advance(5.0)
    assert heard == [(1, "stop")]


def test_live_chat_without_a_limit_is_as_long_as_the_mean_output(make_scenario: MakeScenario) -> None:
    """Without max_tokens the answer ends by itself."""
    simulation = Simulation(make_scenario(rate=0.0))
    heard: list[tuple[int, str | None]] = []
    simulation.submit(100, None, lambda tokens, reason: heard.append((tokens, reason)))
    simulation.advance(5.0)
    assert heard[-1] == (20, "stop")
    assert simulation.engine.stats.request_params_max_tokens.count == 0
