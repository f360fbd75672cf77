"""The simulated engine moves its signals in the order in which a real one does, under the same load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.fidelity_capture import capture
from lab.fidelity_compare import differences, firsts, order_agrees
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
    """A climb past capacity fills the cache, queues and preempts on both, in the same order and as much."""
    run(Plan(engine.url, MODEL, requests=24))
    real = capture(SHORT, engine.url)
    step = fit(work_of(real))
    model = play(real, engine_shape(SHORT.shape, step), paces(work_of(real, PACE_WINDOW), step))
    assert firsts(real)["a preemption"] is not None
    assert order_agrees(real, model, SLACK), (firsts(real), firsts(model))
    found = {item.signal: item for item in differences(real, model)}
    assert (found["waiting"].correlation or 0) > 0.9
    assert found["waiting"].relative < 0.15
    assert found["kv_usage"].relative < 0.15
    assert 0.5 < found["preemptions"].peak_model / found["preemptions"].peak_real < 2
