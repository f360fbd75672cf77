"""The simulated engine moves its signals in the order in which a real one does, under the same load."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.fidelity_capture import capture
from lab.fidelity_compare import firsts, order_agrees
from lab.fidelity_fit import fit, paces
from lab.fidelity_load import SHORT
from lab.fidelity_model import engine_shape, play, work_of
from tools.vllm_cpu.load import Plan, run
from tools.vllm_cpu.serve import MODEL

if TYPE_CHECKING:
    from tools.vllm_cpu.serve import Engine

pytestmark = pytest.mark.vllm

PACE_WINDOW = 0.5
"""Seconds for which the machine's speed is taken as even: other tests' machines stall, and the load is short."""
SLACK = 2.0
"""Seconds: two signals that close together have no order that a busy machine would keep."""


def test_model_and_engine_agree_on_the_order_of_signals(engine: Engine) -> None:
    """Past capacity the cache fills, requests queue and are preempted in the same order; a roomier model is told apart.

    How closely the signals match is held on the committed recordings, which are the same at every run.
    """
    run(Plan(engine.url, MODEL, requests=24))
    real = capture(SHORT, engine.url)
    step = fit(work_of(real))
    pace = paces(work_of(real, PACE_WINDOW), step)
    model = play(real, engine_shape(SHORT.shape, step), pace)
    assert firsts(real)["a preemption"] is not None
    assert order_agrees(real, model, SLACK), (firsts(real), firsts(model))
    roomy = play(real, engine_shape(replace(SHORT.shape, num_gpu_blocks=192), step), pace)
    assert not order_agrees(real, roomy, SLACK)
