"""Step time by context, cold starts, and what a restart brings back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.vllm_sim.faults import Crash
from lab.vllm_sim.reader import ScenarioError
from lab.vllm_sim.requests import Request
from lab.vllm_sim.scenario import load_scenario
from lab.vllm_sim.shape import ColdStart, EngineShape, StepTime
from lab.vllm_sim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.vllm_sim.scenario import Scenario

PHASES = "phases: [{duration: 60, rate: 5, prompt_tokens: 100, output_tokens: 10}]\n"


def serve(simulation: Simulation, output: int = 20) -> float:
    """Serve one request on an idle engine and return how long it took."""
    began, ends = simulation.now, []
    simulation.on_finish = lambda _seq, now: ends.append(now)
    simulation.offer(Request(0, 0.0, 100, output))
    simulation.advance(began + 30.0)
    return ends[0] - began


def world(make: Callable[..., Scenario], *faults: Crash, **shape: object) -> Simulation:
    """Return a world without traffic whose engine has the given shape."""
    return Simulation(replace(make(*faults, rate=0.0), engine=EngineShape(**shape)))  # type: ignore[arg-type]


def test_context_makes_steps_longer(make_scenario: Callable[..., Scenario]) -> None:
    """Each decode step takes the given time more for every token that the sequence holds by then."""
    plain = serve(world(make_scenario, step_time=StepTime(0.01)), output=4)
    longer = serve(world(make_scenario, step_time=StepTime(0.01, per_context_token=1e-4)), output=4)
    assert longer - plain == pytest.approx(1e-4 * (101 + 102 + 103))


def test_cold_start_falls_to_full_speed() -> None:
    """The first step takes the factor, the last of the cold ones nearly one, those after it one."""
    cold = ColdStart(steps=10, factor=5.0)
    assert [cold.slowdown(step) for step in (0, 5, 10, 99)] == [5.0, 3.0, 1.0, 1.0]
    assert ColdStart().slowdown(0) == 1.0


def test_first_requests_after_a_restart_are_slow(make_scenario: Callable[..., Scenario]) -> None:
    """A warm engine is fast at once; the process that comes back after a crash is slow, then fast again."""
    simulation = world(make_scenario, Crash(40.0, 5.0), cold_start=ColdStart(steps=20, factor=8.0))
    warm = serve(simulation)
    simulation.advance(50.0)
    cold, again = serve(simulation), serve(simulation)
    assert cold > 3 * warm
    assert again == pytest.approx(warm)


def test_a_scenario_may_begin_cold(make_scenario: Callable[..., Scenario]) -> None:
    """A new replica is cold from its first request."""
    cold = ColdStart(steps=20, factor=8.0, from_start=True)
    assert serve(world(make_scenario, cold_start=cold)) > 3 * serve(world(make_scenario))


def test_another_release_may_come_back(make_scenario: Callable[..., Scenario]) -> None:
    """An upgrade is a restart whose page is that of the new release."""
    simulation = world(make_scenario, Crash(10.0, 5.0, version="0.12.0"), version="0.9.1")
    assert "vllm:gpu_cache_usage_perc" in simulation.page()
    simulation.advance(20.0)
    page = simulation.page()
    assert "vllm:kv_cache_usage_perc" in page
    assert "vllm:gpu_cache_usage_perc" not in page


def test_engine_keys_are_read(tmp_path: Path) -> None:
    """Every key of the engine and of the new faults arrives where it belongs."""
    path = tmp_path / "case.yaml"
    path.write_text(
        PHASES + "engine: {version: 0.10.2, prefix_caching: off, step_time: {per_context_token_seconds: 1.0e-7},\n"
        "  cold_start: {steps: 50, factor: 4, from_start: true}}\n"
        "faults: [{kind: errors, at: 1, share: 0.5}, {kind: prefix_loss, at: 2},\n"
        "  {kind: crash, at: 3, restart_after: 1, version: 0.11.0},\n"
        "  {kind: rename_metric, at: 4, from: 'vllm:gpu_cache_usage_perc', to: 'vllm:kv'}]\n",
        encoding="utf-8",
    )
    scenario = load_scenario(path)
    assert scenario.engine.version == "0.10.2"
    assert not scenario.engine.prefix_caching
    assert scenario.engine.step_time.per_context_token == 1e-7
    assert scenario.engine.cold_start == ColdStart(50, 4.0, from_start=True)
    assert scenario.faults[2] == Crash(3.0, 1.0, version="0.11.0")
    assert [type(fault).__name__ for fault in scenario.faults] == ["Errors", "PrefixLoss", "Crash", "RenameMetric"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("engine: {version: 0.7.3}", "engine.version: expected a vLLM release from 0.8.0 to 0.33.0"),
        ("engine: {prefix_caching: maybe}", "engine.prefix_caching: expected true or false"),
        ("engine: {cold_start: {factor: 0.5}}", "engine.cold_start.factor: expected a number"),
        ("faults: [{kind: errors, at: 1}]", "faults[0].share: expected a number"),
        (
            "faults: [{kind: crash, at: 1, restart_after: 1, version: new}]",
            "faults[0].version: expected a vLLM release",
        ),
        (
            "faults: [{kind: rename_metric, at: 1, from: 'vllm:gpu_cache_usage_perc', to: 'vllm:kv'}]",
            "faults[0].from: expected one of",
        ),
    ],
)
def test_mistakes_in_the_new_keys_are_named(tmp_path: Path, text: str, message: str) -> None:
    """A wrong value says where it stands and what was expected."""
    path = tmp_path / "case.yaml"
    path.write_text(PHASES + text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert message in str(caught.value)
