"""One guardrail's verdict: the canary is proven no worse, proven worse by what matters, or neither yet.

Pass and fail are two tests, so that a lack of data is neither. It passes when "worse by the margin or more" is refuted,
and fails when "no worse" is refuted and the difference seen is at least the margin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from forewarn.gate.statistics import (
    Count,
    exact_tail,
    freedom_of,
    inflation,
    mean_and_error,
    score,
    student_tail,
    total,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Verdict = Literal["pass", "fail", "undecided", "too few", "no data"]

SHARES: dict[str, tuple[float, str]] = {
    "ttft": (0.005, "requests over their budget for the first token"),
    "tpot": (0.005, "requests over their budget per output token"),
    "error": (0.005, "requests that failed"),
    "empty": (0.005, "answers without text"),
    "quality": (0.05, "golden prompts not answered as expected"),
}
"""Guardrail → its margin, the worsening that matters, and what is counted.

The margins are those of the alert LLMCanaryRegression, so that it never fires on a canary that the gate passes.
"""
COST = "cost"
COST_MARGIN = 0.10
"""USD per million tokens: a canary that is 10 % dearer."""
FEWEST_SLICES = 5


@dataclass(frozen=True, slots=True)
class Levels:
    """Error rates that are allowed, and the counts below which nothing is said.

    `false_fail` is that of the whole gate, shared among its guardrails and looks, so that a good canary fails with at
    most this probability. `false_pass` is that of a canary worse by its margin in one guardrail, shared among looks
    alone: the gate passes only if every guardrail does.
    """

    false_fail: float = 0.05
    false_pass: float = 0.05
    looks: int = 1
    min_requests: int = 100
    min_bad: int = 5

    def of_fail(self, guardrails: int) -> float:
        """Level of one guardrail's test for harm (Bonferroni)."""
        return self.false_fail / (guardrails * self.looks)

    @property
    def of_pass(self) -> float:
        """Level of one guardrail's test for no harm."""
        return self.false_pass / self.looks


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of one guardrail. `canary` and `stable` are shares, or USD per million tokens for cost.

    `difference` is that of the shares, or the ratio less 1 for cost. `p_harm` is the probability of so bad a canary if
    it were no worse, `p_safe` of so good a one if it were worse by the margin.
    """

    name: str
    verdict: Verdict
    margin: float
    reason: str
    canary: float | None = None
    stable: float | None = None
    canary_requests: float = 0.0
    stable_requests: float = 0.0
    difference: float | None = None
    inflation: float | None = None
    p_harm: float | None = None
    p_safe: float | None = None


def judge_share(
    name: str, canary: Sequence[Count], stable: Sequence[Count], *, margin: float, levels: Levels, guardrails: int
) -> Judgement:
    """Compare the shares of bad requests of two tracks, slice by slice of the same window."""
    ours, theirs = total(canary), total(stable)
    if ours.total <= 0 or theirs.total <= 0:
        missing = "canary" if ours.total <= 0 else "stable"
        return Judgement(name, "no data", margin, f"{missing} has no such series or no requests in the window")
    freedom = freedom_of(canary, stable)
    spread = inflation(canary, stable)
    root = math.sqrt(spread)
    p_harm = max(student_tail(score(ours, theirs, 0.0) / root, max(1, freedom)), exact_tail(ours, theirs))
    p_safe = student_tail(-score(ours, theirs, margin) / root, max(1, freedom))
    gap = ours.share - theirs.share
    enough = min(ours.total, theirs.total) >= levels.min_requests and freedom >= FEWEST_SLICES
    verdict: Verdict = "undecided"
    reason = f"{gap:+.2%} is neither within {margin:.2%} nor beyond it for certain"
    if not enough:
        verdict, reason = "too few", f"expected {levels.min_requests} requests in {FEWEST_SLICES} slices on both tracks"
    elif p_harm <= levels.of_fail(guardrails) and gap >= margin and ours.bad >= levels.min_bad:
        verdict, reason = "fail", f"{gap:+.2%} is worse than stable, by {margin:.2%} or more"
    elif p_safe <= levels.of_pass:
        verdict, reason = "pass", f"{gap:+.2%} is less than {margin:.2%} worse"
    return Judgement(
        name, verdict, margin, reason, ours.share, theirs.share, ours.total, theirs.total, gap, spread, p_harm, p_safe
    )


def judge_cost(
    canary: Sequence[float], stable: Sequence[float], *, margin: float, levels: Levels, guardrails: int
) -> Judgement:
    """Compare USD per million tokens, slice by slice in pairs, by the mean log of their ratio."""
    pairs = [(ours, theirs) for ours, theirs in zip(canary, stable, strict=True) if ours > 0 and theirs > 0]
    if not pairs:
        return Judgement(COST, "no data", margin, "no slice has a price and tokens on both tracks")
    ours, theirs = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    if len(pairs) < FEWEST_SLICES:
        return Judgement(COST, "too few", margin, f"expected {FEWEST_SLICES} slices, got {len(pairs)}", ours, theirs)
    mean, error = mean_and_error([math.log(ours / theirs) for ours, theirs in pairs])
    ratio = math.expm1(mean)
    p_harm, p_safe = (student_tail(_standard(gap, error), len(pairs) - 1) for gap in (mean, math.log1p(margin) - mean))
    verdict: Verdict = "undecided"
    reason = f"{ratio:+.1%} is neither within {margin:.0%} nor beyond it for certain"
    if p_harm <= levels.of_fail(guardrails) and ratio >= margin:
        verdict, reason = "fail", f"{ratio:+.1%} is dearer than stable, by {margin:.0%} or more"
    elif p_safe <= levels.of_pass:
        verdict, reason = "pass", f"{ratio:+.1%} is less than {margin:.0%} dearer"
    return Judgement(COST, verdict, margin, reason, ours, theirs, difference=ratio, p_harm=p_harm, p_safe=p_safe)


def _standard(gap: float, error: float) -> float:
    if error <= 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / error
