"""One observation per sample, and late samples stand for the time they cover."""

from __future__ import annotations

import math
from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from forewarn.sampling.samples import SampleHistogram, SampleWeight
from tests.unit.sampling.builders import histogram, quick

LONGEST = 6.0
delays = st.lists(st.floats(0.01, LONGEST - 0.01, allow_nan=False), max_size=60)
intervals = st.sampled_from([0.25, 1.0, 2.0])
values = st.lists(st.tuples(st.floats(0, 300, allow_nan=False), st.integers(1, 5)), max_size=40)


@quick
@given(delays, intervals)
def test_the_weights_add_up_to_the_time_covered(delays: list[float], interval: float) -> None:
    """Whatever the delays, samples so far stand for the elapsed time over the interval, within one."""
    weight, now, total = SampleWeight(LONGEST), 0.0, weight_of_first()
    weight.take(now, interval)
    for delay in delays:
        now += delay
        total += weight.take(now, interval)
        assert abs(total - 1 - now / interval) <= 1


def weight_of_first() -> int:
    """A first sample is one observation."""
    return SampleWeight(LONGEST).take(123.0, 0.25)


def test_samples_on_time_are_one_observation_each() -> None:
    """Jitter around the interval does not change the weights."""
    weight = SampleWeight(LONGEST)
    assert [weight.take(t, 0.25) for t in (0.0, 0.25, 0.51, 0.76, 1.0)] == [1, 1, 1, 1, 1]


def test_a_late_sample_covers_the_polls_it_took_the_place_of() -> None:
    """Two seconds of silence at four samples a second are eight observations."""
    weight = SampleWeight(LONGEST)
    weight.take(0.0, 0.25)
    assert weight.take(2.0, 0.25) == 8


def test_after_a_gap_a_sample_is_one_observation() -> None:
    """Of a time longer than values stay valid nothing is known; no remainder is carried over it."""
    weight = SampleWeight(LONGEST)
    weight.take(0.0, 1.0)
    assert weight.take(1.4, 1.0) == 1
    assert weight.take(1.4 + LONGEST + 0.1, 1.0) == 1
    assert weight.take(1.4 + LONGEST + 0.1 + 1.4, 1.0) == 1


def test_two_samples_at_one_moment_are_one_observation_each() -> None:
    """A clock that stands still gives no weight to divide by."""
    weight = SampleWeight(LONGEST)
    assert [weight.take(5.0, 1.0), weight.take(5.0, 1.0)] == [1, 1]


@quick
@given(values)
def test_the_histogram_is_that_of_all_observations(samples: list[tuple[float, int]]) -> None:
    """Counts, sum and edges are those of every value counted as often as it weighs."""
    bounds = (1.0, 10.0, 50.0, 200.0)
    sampled, flat = SampleHistogram(bounds), []
    for value, times in samples:
        sampled.observe(value, times)
        flat += [value] * times
    read = sampled.histogram()
    if not flat:
        assert read is None
        return
    assert read is not None
    expected = histogram((*bounds, math.inf), flat)
    assert (read.bounds, read.counts) == (expected.bounds, expected.counts)
    assert math.isclose(read.total, expected.total, rel_tol=1e-9)


def test_a_value_on_an_edge_is_in_its_bucket() -> None:
    """Edges are upper edges, inclusive, as Prometheus has them."""
    sampled = SampleHistogram((0.5, 0.85))
    sampled.observe(0.85)
    read = sampled.histogram()
    assert read is not None
    assert read.counts[bisect_left(read.bounds, 0.85)] == 1
    assert read.counts[0] == 0
