"""Step-time models out of an engine's counters."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from lab.fidelity_fit import PacedStepTime, Work, fit, paces
from lab.vllm_sim.shape import StepTime

TRUTH = StepTime(base=0.01, per_prefill_token=2e-5, per_decode_sequence=3e-4)


def work(step: StepTime, count: int = 40) -> list[Work]:
    """Return windows of chance work that took exactly as long as a step-time model says."""
    rng = Random(1)  # noqa: S311 - a test's chance, not a secret
    made = []
    for index in range(count):
        item = Work(float(index), 0.0, rng.randint(20, 90), rng.randint(0, 9000), rng.randint(50, 4000))
        made.append(replace(item, seconds=item.predicted(step)))
    return made


def test_fit_finds_the_model_that_made_the_work() -> None:
    """Exact work gives the exact terms back."""
    found = fit(work(TRUTH))
    assert (found.base, found.per_prefill_token, found.per_decode_sequence) == pytest.approx((0.01, 2e-5, 3e-4))


def test_no_term_is_below_zero() -> None:
    """Work that would be explained best by a negative term is explained without it."""
    odd = [replace(item, seconds=item.seconds - 1e-6 * item.prompt_tokens) for item in work(StepTime(0.01, 0.0, 3e-4))]
    found = fit(odd)
    assert found.per_prefill_token == 0
    assert min(found.base, found.per_decode_sequence) > 0


def test_pace_is_how_much_longer_the_work_took() -> None:
    """A machine at half speed has a pace of two."""
    slow = [replace(item, seconds=2 * item.seconds) for item in work(TRUTH, 3)]
    assert paces(slow, TRUTH) == [(0.0, pytest.approx(2)), (1.0, pytest.approx(2)), (2.0, pytest.approx(2))]
    assert PacedStepTime(TRUTH, factor=2.0).seconds(100, 10) == pytest.approx(2 * TRUTH.seconds(100, 10))
