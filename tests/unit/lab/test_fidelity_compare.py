"""How two runs of a load are compared, and that the committed recordings keep agreeing with the model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.fidelity import RUNS, engine_cases
from lab.fidelity_capture import Run, Sample, Sent, load_run
from lab.fidelity_compare import differences, firsts, order_agrees, ttft
from lab.fidelity_fit import fit, paces
from lab.fidelity_load import KV_BOUND, LOADS
from lab.fidelity_model import engine_shape, play, work_of

if TYPE_CHECKING:
    from pathlib import Path


def run(queue_at: float, full_at: float) -> Run:
    """Return a run of 20 s whose queue and full cache begin at the given moments; infinity is never."""
    samples = tuple(
        Sample(at, running=4, waiting=5.0 * (at >= queue_at), kv_usage=0.9 * (at >= full_at), preemptions=0)
        for at in range(20)
    )
    return Run("made", KV_BOUND, (Sent(0.0, 10, 10, 0.2), Sent(5.0, 10, 10, 1.5)), samples)


def test_each_signal_has_the_moment_it_passes_its_bar() -> None:
    """A bar counts when it is passed for three samples; TTFT is late when the late first token comes."""
    assert list(firsts(run(8, 5)).values()) == [8, 5, None, 8, 6.5]


def test_a_single_sample_is_no_move() -> None:
    """One sample over a bar is chance."""
    calm = run(30, 30)
    samples = list(calm.samples)
    samples[7] = replace(samples[7], waiting=3.0)
    assert firsts(replace(calm, samples=tuple(samples)))["a queue"] is None


def test_swapped_signals_disagree() -> None:
    """A model whose queue comes before its full cache is not the engine whose cache fills first."""
    assert order_agrees(run(12, 5), run(13, 6), slack=1.0)
    assert not order_agrees(run(12, 5), run(5, 12), slack=1.0)


def test_a_signal_that_one_side_never_shows_disagrees() -> None:
    """A missing signal is a disagreement, however late it came on the other side."""
    assert not order_agrees(run(12, 5), run(12, 30), slack=5.0)


def test_differences_are_means_peaks_and_correlation() -> None:
    """Two queues that begin two samples apart differ in two of twenty samples."""
    waiting = {item.signal: item for item in differences(run(10, 30), run(12, 30))}["waiting"]
    assert (waiting.mean_error, waiting.peak_real, waiting.peak_model) == (0.5, 5, 5)
    assert waiting.relative == pytest.approx(0.1)
    assert ttft(run(10, 30)) == pytest.approx((0.85, 1.435))


def test_a_saved_run_reads_back(tmp_path: Path) -> None:
    """What is written is what is read."""
    run(8, 5).save(tmp_path)
    assert load_run(tmp_path / "made.json") == run(8, 5)


def test_loads_repeat() -> None:
    """The same load sends the same requests, in order of time."""
    for load in LOADS:
        sends = list(load.sends())
        assert sends == list(load.sends())
        assert sends == sorted(sends)


def test_model_still_agrees_with_the_recorded_engine() -> None:
    """On the recordings of a KV-bound engine the model queues, fills and preempts as the real vLLM did."""
    cases, _ = engine_cases()
    for case in cases[:2]:
        found = {item.signal: item for item in differences(case.real, case.paced)}
        assert order_agrees(case.real, case.paced, slack=2.0)
        assert (found["waiting"].correlation or 0) > 0.99
        assert found["waiting"].relative < 0.03
        assert found["running"].relative < 0.06
        assert found["kv_usage"].relative < 0.06
        assert found["preemptions"].peak_model == pytest.approx(found["preemptions"].peak_real, rel=0.3)


@pytest.mark.parametrize("wrong", [{"num_gpu_blocks": 192}, {"max_num_seqs": 8}])
def test_a_model_of_another_engine_is_told_apart(wrong: dict[str, int]) -> None:
    """Four times the cache, or a quarter of the sequences, does not move its signals as the recorded engine did."""
    for load in LOADS[:2]:
        real = load_run(RUNS / f"{load.name}.json")
        step = fit(work_of(real))
        model = play(real, engine_shape(replace(real.shape, **wrong), step), paces(work_of(real), step))
        assert not order_agrees(real, model, slack=2.0)
