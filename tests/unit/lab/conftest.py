"""Small engines and scenarios for the simulator's tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.vllm_sim.core import EngineShape, StepTime
from lab.vllm_sim.scenario import Scenario
from lab.vllm_sim.workload import Lengths, Phase, Traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.vllm_sim.faults import Fault

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY


@pytest.fixture
def scenarios() -> Path:
    """The folder of shipped scenarios."""
    return REPOSITORY / "lab" / "scenarios"


@pytest.fixture
def small_shape() -> EngineShape:
    """An engine with 20 usable blocks of 4 tokens, whose steps take 1 s and a bit."""
    return EngineShape(
        model="tiny",
        max_num_seqs=4,
        max_num_batched_tokens=16,
        max_model_len=64,
        num_gpu_blocks=21,
        block_size=4,
        step_time=StepTime(base=1.0, per_prefill_token=0.01, per_decode_sequence=0.1),
    )


@pytest.fixture(scope="session")
def make_scenario() -> Callable[..., Scenario]:
    """Build a scenario of one phase on the default engine."""

    def make(*faults: Fault, duration: float = 60.0, rate: float = 15.0, seed: int = 3, **phase: object) -> Scenario:
        shape = {"prompt": Lengths(300, 0.5), "output": Lengths(20, 0.5), **phase}
        only = Phase(duration=duration, rate_from=rate, rate_to=rate, **shape)  # type: ignore[arg-type]
        return Scenario("test", EngineShape(), Traffic((only,), loop=False), faults, seed=seed)

    return make
