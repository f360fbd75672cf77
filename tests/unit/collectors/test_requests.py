"""Tokens, and requests by outcome."""

from __future__ import annotations

from tests.unit.collectors.harness import World
from tests.unit.collectors.worlds import whole, working


def test_counters_are_the_engines() -> None:
    """Tokens and outcomes as counted, reasons at 0 included where the engine shows them."""
    world = working()
    assert world.value("llm_generation_tokens_total") == 100
    assert world.value("llm_requests_finished_total", reason="stop") == 10
    assert world.value("llm_requests_finished_total", reason="error") == 0


def test_counters_that_the_engine_lacks_are_absent() -> None:
    """No zero for what cannot be known."""
    families = working().families()
    for name in ("llm_requests_rejected_total", "llm_requests_corrupted_total", "llm_prompt_tokens_cached_total"):
        assert name not in families


def test_a_reason_that_is_not_shown_for_once_keeps_its_count() -> None:
    """A count once seen goes on while its family is there."""
    world = working()
    world.engine.rank.finished = {"error": 1}
    whole(world)
    assert world.value("llm_requests_finished_total", reason="stop") == 10
    assert world.value("llm_requests_finished_total", reason="error") == 1


def test_empty_outputs_are_estimated_and_say_so() -> None:
    """Three requests of one token, one of which asked for one, are two empty outputs."""
    world = working()
    rank = world.engine.rank
    rank.lengths, rank.asked = [1, 1, 1, 4, 9], [1, 5]
    whole(world)
    assert world.value("llm_requests_empty_total", method="estimated") == 2
    assert world.value("forewarn_signal_exact", signal="requests_empty") == 0


def test_empty_outputs_are_absent_without_an_edge_at_one_token() -> None:
    """Custom buckets hide them, and the signal says that it is missing."""
    world = World()
    world.engine.edit = lambda text: text.replace('le="1.0",', "").replace('le="1.0"', 'le="1.5"')
    world.engine.rank.tokens = 1
    world.run(4.0)
    assert "llm_requests_empty_total" not in world.families()
    assert world.value("forewarn_signal_available", signal="requests_empty") == 0
    assert world.value("llm_requests_finished_total", reason="stop") == 0
