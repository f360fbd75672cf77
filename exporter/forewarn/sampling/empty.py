"""Answers without text, estimated from two histograms of vLLM."""

from __future__ import annotations


def estimate(short: float, tiny: float, stopped: float) -> float:
    """Requests that stopped by themselves after at most one token although they could have had more.

    All three count requests: `short` those that generated at most one token, `tiny` those that asked for at most one,
    `stopped` those that finished with reason stop. A lone end-of-sequence token counts as one generated token and is
    no text.
    """
    return min(max(0.0, short - tiny), stopped)
