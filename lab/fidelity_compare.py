"""Two runs of the same load beside each other: errors of signals, latencies, and the order in which signals move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.fidelity_capture import Run, Sample

SIGNALS = ("running", "waiting", "kv_usage", "preemptions")
KV_OBJECTIVE = 0.85
TTFT_OBJECTIVE = 1.0
HOLD = 3
"""Samples in a row that must be over a bar: one sample is chance."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far the model is off in one signal: the mean distance, the peaks, and the correlation over time."""

    signal: str
    mean_error: float
    peak_real: float
    peak_model: float
    correlation: float | None

    @property
    def relative(self) -> float:
        """The mean error as a share of the larger peak, 0 where the signal stays at 0 on both."""
        top = max(self.peak_real, self.peak_model)
        return self.mean_error / top if top else 0.0


def differences(real: Run, model: Run) -> list[Difference]:
    """Compare the signals at the moments that both runs were sampled."""
    return list(_differences(real, model))


def _differences(real: Run, model: Run) -> Iterator[Difference]:
    samples = [sample for sample in real.samples if sample.time >= 0]
    for signal in SIGNALS:
        ours = np.array([getattr(sample, signal) for sample in model.samples], dtype=float)
        theirs = np.array([getattr(sample, signal) for sample in samples], dtype=float)
        moves = bool(ours.std() and theirs.std())
        yield Difference(
            signal,
            float(np.abs(ours - theirs).mean()),
            float(theirs.max()),
            float(ours.max()),
            float(np.corrcoef(ours, theirs)[0, 1]) if moves else None,
        )


def ttft(run: Run) -> tuple[float, float]:
    """Return the p50 and p95 of the time to first token."""
    values = [sent.ttft for sent in run.requests]
    return float(np.quantile(values, 0.5)), float(np.quantile(values, 0.95))


def firsts(run: Run) -> dict[str, float | None]:
    """Return when each signal first passes its bar and stays there for HOLD samples, None if it never does.

    TTFT is the client's: the arrival of the first request that waits longer than the objective, and its first token.
    """
    start = run.samples[0].preemptions
    late = [sent.time + sent.ttft for sent in run.requests if sent.ttft > TTFT_OBJECTIVE]
    return {
        "a queue": _first(run, lambda sample: sample.waiting > 0),
        f"KV use > {KV_OBJECTIVE:g}": _first(run, lambda sample: sample.kv_usage > KV_OBJECTIVE),
        "a preemption": _first(run, lambda sample: sample.preemptions > start),
        "queue pressure > 1": _first(run, lambda sample: sample.waiting > max(sample.running, 1)),
        f"a TTFT > {TTFT_OBJECTIVE:g} s": min(late, default=None),
    }


def _first(run: Run, over: Callable[[Sample], bool]) -> float | None:
    row = 0
    for index, sample in enumerate(run.samples):
        row = row + 1 if over(sample) else 0
        if row == HOLD:
            return run.samples[index - HOLD + 1].time
    return None


def order_agrees(real: Run, model: Run, slack: float) -> bool:
    """Say whether the same signals move, and in the same order, up to `slack` seconds between two of them."""
    ours, theirs = firsts(model), firsts(real)
    if {name for name, at in ours.items() if at is None} != {name for name, at in theirs.items() if at is None}:
        return False
    moved = [name for name, at in theirs.items() if at is not None]
    return all(
        (ours[one] or 0.0) <= (ours[other] or 0.0) + slack
        for one in moved
        for other in moved
        if (theirs[one] or 0.0) + slack < (theirs[other] or 0.0)
    )
