"""The gate's statistics against tables, brute force and simulation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn.gate.statistics import (
    Count,
    _restricted,
    exact_tail,
    freedom_of,
    inflation,
    mean_and_error,
    score,
    student_tail,
)


@pytest.mark.parametrize(
    ("freedom", "t", "tail"),
    [(1, 12.706, 0.025), (2, 4.303, 0.025), (5, 2.015, 0.05), (10, 2.764, 0.01), (28, 2.048, 0.025), (29, 1.699, 0.05)],
)
def test_students_t_is_that_of_the_tables(freedom: int, t: float, tail: float) -> None:
    """Odd and even degrees of freedom, both sides."""
    assert student_tail(t, freedom) == pytest.approx(tail, rel=2e-3)
    assert student_tail(-t, freedom) == pytest.approx(1 - tail, rel=1e-4)


def test_students_t_ends_as_a_normal() -> None:
    """With many degrees of freedom; and infinity has no tail."""
    assert student_tail(1.96, 100_001) == pytest.approx(0.5 * math.erfc(1.96 / math.sqrt(2)), rel=1e-3)
    assert student_tail(math.inf, 28) == 0
    assert student_tail(-math.inf, 28) == 1
    assert student_tail(0, 7) == pytest.approx(0.5)


def log_likelihood(count: Count, share: float) -> float:
    """Of a share, given a count."""
    parts = ((count.bad, share), (count.total - count.bad, 1 - share))
    return sum(weight * math.log(part) if part > 0 else -math.inf for weight, part in parts if weight > 0)


@settings(deadline=None)
@given(
    bad=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    good=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    difference=st.sampled_from((-0.2, -0.01, 0.005, 0.02, 0.1)),
)
def test_the_restricted_shares_are_the_likeliest(
    bad: tuple[int, int], good: tuple[int, int], difference: float
) -> None:
    """No other pair at that distance explains the counts better: the cubic's root against a fine walk."""
    canary, stable = (Count(wrong, wrong + right) for wrong, right in zip(bad, good, strict=True))
    first, second = _restricted(canary, stable, difference)
    assert first - second == pytest.approx(difference, abs=1e-9)
    low, high = max(0.0, difference), min(1.0, 1 + difference)
    walk = [low + (high - low) * index / 4000 for index in range(4001)]
    best = max(log_likelihood(canary, share) + log_likelihood(stable, share - difference) for share in walk)
    assert log_likelihood(canary, first) + log_likelihood(stable, second) >= best - 1e-6 * abs(best) - 1e-6


def test_at_no_difference_it_is_the_pooled_z_test() -> None:
    """30 of 200 against 20 of 300, by hand."""
    pooled = 50 / 500
    error = math.sqrt(pooled * (1 - pooled) * (1 / 200 + 1 / 300))
    assert score(Count(30, 200), Count(20, 300), 0) == pytest.approx((30 / 200 - 20 / 300) / error)


@given(bad=st.tuples(st.integers(0, 30), st.integers(0, 60)), good=st.tuples(st.integers(1, 300), st.integers(1, 900)))
def test_the_exact_tail_is_the_conditional_binomial(bad: tuple[int, int], good: tuple[int, int]) -> None:
    """Summed term by term, with whole binomial coefficients."""
    canary, stable = (Count(wrong, wrong + right) for wrong, right in zip(bad, good, strict=True))
    share, everything = canary.total / (canary.total + stable.total), sum(bad)
    terms = (
        math.comb(everything, count) * share**count * (1 - share) ** (everything - count)
        for count in range(bad[0], everything + 1)
    )
    assert exact_tail(canary, stable) == pytest.approx(sum(terms), rel=1e-9, abs=1e-12)


def test_counts_without_bad_requests_have_a_score() -> None:
    """None bad of 600 on both sides: a margin of half a per cent is 1.7 standard errors away."""
    assert score(Count(0, 600), Count(0, 600), 0) == 0
    assert score(Count(0, 600), Count(0, 600), 0.005) == pytest.approx(-math.sqrt(600 * 0.005 / 0.995), rel=0.01)


def test_inflation_is_one_for_even_slices_and_grows_with_scatter() -> None:
    """Ten slices of 100: 5 bad in each, or 50 in one."""
    even, lumpy = [Count(5, 100)] * 10, [Count(50, 100), *[Count(0, 100)] * 9]
    assert inflation(even) == 1
    assert inflation(lumpy) == pytest.approx((45**2 + 9 * 25) / (100 * 0.05 * 0.95) / 9)
    assert inflation(lumpy, even) == inflation(even, lumpy) == inflation(lumpy)
    assert inflation([Count(0, 100)] * 10) == 1


def test_empty_slices_are_no_evidence() -> None:
    """They give no degree of freedom."""
    assert freedom_of([Count(1, 5), Count(0, 0), Count(2, 5)], [Count(0, 0)]) == 1


def test_mean_and_its_error() -> None:
    """Of 1, 2, 3."""
    assert mean_and_error([1, 2, 3]) == (2, pytest.approx(1 / math.sqrt(3)))
