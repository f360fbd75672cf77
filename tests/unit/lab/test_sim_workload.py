"""Arrivals and what they ask for."""

from __future__ import annotations

from itertools import pairwise
from math import inf, log
from random import Random
from statistics import fmean

import pytest

from lab.vllm_sim.workload import Arrivals, Lengths, Phase, Shapes, Traffic


def phase(duration: float = 100.0, start: float = 10.0, end: float = 10.0, **more: object) -> Phase:
    """Return a phase of ten requests per second unless told otherwise."""
    lengths = {"prompt": Lengths(100, 0.5), "output": Lengths(20), **more}
    return Phase(duration=duration, rate_from=start, rate_to=end, **lengths)  # type: ignore[arg-type]


def times(traffic: Traffic, until: float, seed: int = 1) -> list[float]:
    """Return the arrival times before `until`."""
    arrivals, seen = Arrivals(traffic, seed), []
    while arrivals.next_time < until:
        seen.append(arrivals.next_time)
        arrivals.advance()
    return seen


def test_rate_runs_linearly_and_arrivals_follow_it() -> None:
    """A ramp brings about as many requests as the area under it, few early and many late."""
    seen = times(Traffic((phase(1000, 0.0, 20.0),), loop=False), 1000.0)
    assert len(seen) == pytest.approx(10_000, rel=0.05)
    assert sum(time < 500 for time in seen) == pytest.approx(2_500, rel=0.1)
    assert seen == sorted(seen)


def test_gaps_are_exponential() -> None:
    """At a constant rate the median gap is log(2) of the mean: a Poisson process."""
    seen = times(Traffic((phase(),), loop=True), 1000.0)
    gaps = sorted(after - before for before, after in pairwise(seen))
    assert fmean(gaps) == pytest.approx(0.1, rel=0.05)
    assert gaps[len(gaps) // 2] == pytest.approx(0.1 * log(2), rel=0.05)


def test_loop_plays_the_phases_again() -> None:
    """After the last phase a looping scenario begins anew, a holding one keeps the last rate."""
    phases = (phase(50, 0.0, 0.0), phase(50, 20.0, 20.0))
    looped, held = times(Traffic(phases, loop=True), 200.0), times(Traffic(phases, loop=False), 200.0)
    assert not [time for time in looped if 100 <= time < 150]
    assert len([time for time in held if 100 <= time < 150]) == pytest.approx(1000, rel=0.15)


@pytest.mark.parametrize("loop", [True, False])
def test_silent_traffic_never_comes(loop: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Phases without any rate end the wait for an arrival at once."""
    assert Arrivals(Traffic((phase(10, 0.0, 0.0),), loop=loop), 1).next_time == inf


def test_ramp_down_to_nothing_ends_when_held() -> None:
    """A scenario that holds at rate 0 has no arrivals after its phases."""
    seen = times(Traffic((phase(20, 10.0, 0.0),), loop=False), inf)
    assert 60 < len(seen) < 140
    assert max(seen) < 20


def test_traffic_tells_phase_and_rate() -> None:
    """The rate at a moment is that of its phase, in the first round, the next, and when held."""
    phases = (phase(10, 0.0, 10.0), phase(10, 10.0, 30.0))
    assert [Traffic(phases, loop=True).rate(time) for time in (5.0, 15.0, 25.0)] == [5.0, 20.0, 5.0]
    assert Traffic(phases, loop=False).rate(25.0) == 30.0


def test_lengths_have_the_mean_that_was_asked_for() -> None:
    """Lognormal lengths are whole, at least 1, and average to their mean; without sigma they are fixed."""
    rng = Random(1)  # noqa: S311 - a model's chance, not a secret
    drawn = [Lengths(200, 0.8).draw(rng) for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(200, rel=0.03)
    assert min(drawn) >= 1
    assert {Lengths(7).draw(rng) for _ in range(5)} == {7}


def test_shapes_fit_the_context_and_stop_or_hit_a_limit() -> None:
    """Prompt and output fit the model; an output cut by max_tokens or the context ends with `length`."""
    shapes = Shapes(1, 64, 16)
    cut = phase(output=Lengths(30, 1.0), max_tokens=20)
    for number in range(500):
        request, _ = shapes.draw(cut, number, 0.0, 0.0)
        assert request.prompt_tokens + request.output_tokens <= 64
        assert request.reason == ("length" if request.output_tokens >= min(20, 64 - request.prompt_tokens) else "stop")


def test_shares_are_probabilities() -> None:
    """Empty outputs, reasons and disconnects come as often as their shares say."""
    shapes = Shapes(1, 4096, 16)
    kind = phase(empty_share=0.1, disconnect_share=0.2, finish_share=(("error", 0.1), ("repetition", 0.05)))
    drawn = [shapes.draw(kind, number, 0.0, 0.0) for number in range(10_000)]
    empty = [request for request, _ in drawn if request.output_tokens == 1]
    assert len(empty) == pytest.approx(1000, rel=0.15)
    assert {request.reason for request in empty} == {"stop"}
    assert sum(request.reason == "error" for request, _ in drawn) == pytest.approx(900, rel=0.15)
    assert sum(request.reason == "repetition" for request, _ in drawn) == pytest.approx(450, rel=0.2)
    assert sum(patience < inf for _, patience in drawn) == pytest.approx(2000, rel=0.1)


def test_cached_prefix_is_whole_blocks_short_of_the_prompt() -> None:
    """A prefix hit covers whole blocks, and at least one prompt token is always computed."""
    shapes = Shapes(1, 4096, 16)
    assert shapes.cached(phase(prefix_share=0.5), 100) == 48
    assert shapes.cached(phase(prefix_share=1.0), 96) == 80
    assert shapes.cached(phase(), 100) == 0
