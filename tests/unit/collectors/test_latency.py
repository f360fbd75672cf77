"""Latency histograms and requests over budget."""

from __future__ import annotations

import pytest

from tests.unit.collectors.worlds import whole, working

NAME = "llm_time_to_first_token_seconds"


def test_a_histogram_passes_through_with_the_engines_own_edges() -> None:
    """Edges are spelled as vLLM's client spells them; counts and sum are the engine's."""
    world = working()
    shown = {le: world.value(f"{NAME}_bucket", le=le) for le in ("0.1", "0.5", "1.0", "2.5", "5.0", "+Inf")}
    assert shown == {"0.1": 0, "0.5": 10, "1.0": 10, "2.5": 10, "5.0": 10, "+Inf": 10}
    assert len(world.values(f"{NAME}_bucket")) == 6
    assert world.value(f"{NAME}_sum") == pytest.approx(2.0)
    assert world.value(f"{NAME}_count") == 10


def test_histograms_that_the_engine_lacks_are_absent() -> None:
    """No series of zeros, and no SLI judged without its histogram."""
    world = working()
    families = world.families()
    assert not [
        name for name in families if name.startswith(("llm_request_duration", "llm_inter_token", "llm_queue_t"))
    ]
    assert world.value("llm_slo_requests_total", sli="e2e") is None
    assert world.value("llm_slo_violations_total", sli="e2e") is None


@pytest.mark.parametrize(("budget", "over"), [(1.0, 4), (2.5, 1), (1.75, 2.5), (60.0, 1)])
def test_requests_over_budget_at_any_budget(budget: float, over: float) -> None:
    """Exact on an edge, spread inside a bucket, and all past the largest edge count as over."""
    world = working(objectives__ttft_seconds=budget)
    world.engine.rank.ttft += [2.0, 2.0, 2.0, 9.0]
    whole(world)
    assert world.value("llm_slo_requests_total", sli="ttft") == 14
    assert world.value("llm_slo_violations_total", sli="ttft") == pytest.approx(over)


def test_other_buckets_after_a_restart_do_not_judge_the_past_anew() -> None:
    """An engine that comes back with wider buckets does not turn served requests into violations."""
    world = working(objectives__ttft_seconds=1)
    world.engine.restart()
    world.engine.rank.ttft = [0.2]
    world.engine.edit = lambda text: "\n".join(
        line for line in text.split("\n") if not any(f'le="{le}"' in line for le in ("0.1", "0.5", "1.0"))
    )
    world.run(4.0)
    assert world.value("llm_slo_requests_total", sli="ttft") == 11
    assert world.value("llm_slo_violations_total", sli="ttft") == pytest.approx(0.6)
    assert world.value(f"{NAME}_bucket", le="2.5") == 11
    assert world.value("forewarn_signal_exact", signal="slo_ttft") == 0
