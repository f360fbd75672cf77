"""How often the gate is wrong, measured: at most one run in twenty each way, and the documentation says the same."""

from __future__ import annotations

import pytest

from tests.gate_simulation.__main__ import PAGE, RUNS, documented
from tests.gate_simulation.simulation import WORLDS, World, rates

GOOD = [world for world in WORLDS if not world.effect]
BAD = [world for world in WORLDS if world.effect]


@pytest.mark.parametrize("world", GOOD, ids=lambda world: world.name)
def test_a_good_canary_fails_in_at_most_one_run_of_twenty(world: World) -> None:
    """Whatever the noise, however many looks, with few requests or many."""
    assert rates(world, RUNS).failed <= 0.05


@pytest.mark.parametrize("world", BAD, ids=lambda world: world.name)
def test_a_canary_worse_by_its_margin_passes_in_at_most_one_run_of_twenty(world: World) -> None:
    """In one guardrail or in all."""
    assert rates(world, RUNS).passed <= 0.05


def test_the_gate_decides() -> None:
    """It is no gate that always waits: nine times of ten a good one passes, and one twice worse fails."""
    found = {world.name: rates(world, RUNS) for world in WORLDS}
    assert found["no worse, independent requests"].passed >= 0.9
    assert found["TTFT worse by twice its margin, noise ×3"].failed >= 0.9
    assert found["errors worse by twice their margin"].failed >= 0.9


def test_the_documentation_shows_these_numbers() -> None:
    """`python -m tests.gate_simulation` wrote them."""
    assert documented() in PAGE.read_text(encoding="utf-8")
