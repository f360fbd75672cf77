"""Step-time models fitted to what an engine's own counters say, and how fast the machine was at each moment."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from lab.vllm_sim.shape import StepTime

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 1.0
"""Seconds that one equation of the fit covers."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an engine did between two moments: busy seconds, steps, prompt tokens, and tokens of decoding sequences."""

    start: float
    seconds: float
    steps: float
    prompt_tokens: float
    decoded: float

    def predicted(self, step: StepTime) -> float:
        """Return the seconds that a step-time model gives for this work."""
        return (
            step.base * self.steps
            + step.per_prefill_token * self.prompt_tokens
            + step.per_decode_sequence * self.decoded
        )


def fit(work: Sequence[Work]) -> StepTime:
    """Return the step-time model with the least squared error over the work, no term below zero."""
    rows = np.array([(item.steps, item.prompt_tokens, item.decoded) for item in work], dtype=float)
    seconds = np.array([item.seconds for item in work])
    best, error = np.zeros(3), float("inf")
    for size in (1, 2, 3):
        for columns in combinations(range(3), size):
            found = np.linalg.lstsq(rows[:, columns], seconds, rcond=None)[0]
            missed = float(np.sum((rows[:, columns] @ found - seconds) ** 2))
            if found.min() >= 0 and missed < error:
                best, error = np.zeros(3), missed
                best[list(columns)] = found
    return StepTime(*(float(value) for value in best))


def paces(work: Sequence[Work], step: StepTime) -> list[tuple[float, float]]:
    """Return (moment, factor) pairs: how many times longer than the model says the work from there on took."""
    return [(item.start, item.seconds / item.predicted(step)) for item in work if item.predicted(step) > 0]


@dataclass(slots=True)
class PacedStepTime:
    """A step-time model on a machine whose speed changes: `factor` is set from outside as time goes."""

    step: StepTime
    factor: float = 1.0

    def seconds(
        self, prefill_tokens: int, decode_sequences: int, slowdown: float = 1.0, context_tokens: int = 0
    ) -> float:
        """Return a step's duration, see `StepTime.seconds`."""
        return self.factor * self.step.seconds(prefill_tokens, decode_sequences, slowdown, context_tokens)
