"""The prefix cache: what is found, what is evicted, and how its loss shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.vllm_sim.faults import PrefixLoss
from lab.vllm_sim.kv import BlockPool, Prefix
from lab.vllm_sim.requests import Request
from lab.vllm_sim.shape import EngineShape
from lab.vllm_sim.simulation import Simulation
from lab.vllm_sim.workload import Lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.vllm_sim.scenario import Scenario


@pytest.fixture
def idle(make_scenario: Callable[..., Scenario]) -> Callable[..., Simulation]:
    """Build a world without traffic of its own, with an engine of so many blocks of 16 tokens."""

    def build(blocks: int = 101, **shape: object) -> Simulation:
        scenario = make_scenario(rate=0.0)
        engine = EngineShape(num_gpu_blocks=blocks, max_model_len=1024, **shape)  # type: ignore[arg-type]
        return Simulation(replace(scenario, engine=engine))

    return build


def ask(simulation: Simulation, prompt: int, prefix: str, of_it: int, output: int = 8) -> int:
    """Serve one request to its end and return how many of its tokens were found."""
    before = simulation.engine.stats.prefix_hits
    simulation.offer(Request(0, 0.0, prompt, output, prefix=prefix, prefix_tokens=of_it))
    simulation.advance(simulation.now + 60.0)
    return simulation.engine.stats.prefix_hits - before


def test_the_second_request_finds_the_whole_blocks_of_the_common_head(idle: Callable[..., Simulation]) -> None:
    """Only whole blocks of the stream are found, and only by requests of the same stream."""
    simulation = idle()
    assert ask(simulation, 200, "system", 100) == 0
    assert ask(simulation, 300, "system", 100) == 96
    assert ask(simulation, 300, "other", 100) == 0


def test_a_conversation_finds_its_own_answers(idle: Callable[..., Simulation]) -> None:
    """A prompt that is wholly of its stream finds the turn before, the answer included."""
    simulation = idle()
    assert ask(simulation, 160, "talk", 160, output=33) == 0
    assert ask(simulation, 240, "talk", 240) == 192


def test_at_least_one_token_is_computed(idle: Callable[..., Simulation]) -> None:
    """A prompt that is cached to its last token still computes its last block."""
    simulation = idle()
    ask(simulation, 160, "same", 160)
    assert ask(simulation, 160, "same", 160) == 144


def test_other_traffic_evicts_the_end_of_a_prefix_first(idle: Callable[..., Simulation]) -> None:
    """Free blocks are reused in the order in which they became free, and a request frees its last block first."""
    simulation = idle(blocks=41)
    ask(simulation, 320, "old", 320)
    assert ask(simulation, 480, "noise", 480) == 0
    found = ask(simulation, 320, "old", 320)
    assert 0 < found < 304


def test_blocks_in_common_are_held_once(idle: Callable[..., Simulation]) -> None:
    """Two running requests of one stream share its blocks, so usage is less than the sum of both."""
    simulation = idle(max_num_batched_tokens=2048)
    for _ in range(2):
        simulation.offer(Request(0, 0.0, 320, 100, prefix="s", prefix_tokens=160))
    simulation.advance(0.1)
    assert simulation.engine.running == 2
    assert simulation.engine.blocks.used == 10 + 2 * 11


def test_without_prefix_caching_nothing_is_found(idle: Callable[..., Simulation]) -> None:
    """The option turns the cache off."""
    simulation = idle(prefix_caching=False)
    ask(simulation, 200, "system", 100)
    assert ask(simulation, 200, "system", 100) == 0


def test_prefix_loss_raises_the_prefill_work_and_the_kv_use(make_scenario: Callable[..., Scenario]) -> None:
    """When nothing is found any more, hits stop, more blocks are held, and the cache is found again afterwards."""
    scenario = make_scenario(
        PrefixLoss(60.0, 60.0), duration=180.0, rate=12.0, prompt=Lengths(800, 0.1), prefix_share=0.8, prefix_groups=4
    )
    simulation = Simulation(scenario)
    hits, usage = [], []
    for minute in (1, 2, 3):
        before, samples = simulation.engine.stats.prefix_hits, []
        for step in range(240):
            simulation.advance((minute - 1) * 60 + (step + 1) / 4)
            samples.append(simulation.engine.stats.gauges.kv_usage)
        hits.append(simulation.engine.stats.prefix_hits - before)
        usage.append(sum(samples) / len(samples))
    assert hits[1] < hits[0] / 20
    assert hits[2] > hits[0] / 2
    assert usage[1] > 1.5 * usage[0]


def test_pool_refuses_more_than_it_has() -> None:
    """Blocks are neither taken nor given back that are not there."""
    pool = BlockPool(4)
    pool.take(3)
    with pytest.raises(RuntimeError, match="2 KV blocks asked for, 1 free"):
        pool.take(2)
    with pytest.raises(RuntimeError, match="4 KV blocks given back, 3 held"):
        pool.keep(Prefix(), 4)
