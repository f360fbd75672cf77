"""One guardrail: pass, fail, and the three ways not to know."""

from __future__ import annotations

import pytest

from forewarn.gate.guardrails import Judgement, Levels, judge_cost, judge_share
from forewarn.gate.statistics import Count
from forewarn.gate.verdict import FAIL, NOT_ENOUGH, PASS, Gate, table

LEVELS = Levels()
EMPTY = [Count(0, 0)] * 15


def slices(bad: float, total: float, count: int = 15) -> list[Count]:
    """The same counts in each slice."""
    return [Count(bad, total)] * count


def share(canary: list[Count], stable: list[Count], levels: Levels = LEVELS) -> Judgement:
    """A judgement at a margin of 2 %."""
    return judge_share("ttft", canary, stable, margin=0.02, levels=levels, guardrails=4)


@pytest.mark.parametrize(
    ("canary", "stable", "verdict"),
    [
        (slices(4, 400), slices(20, 2000), "pass"),
        (slices(0, 400), slices(100, 2000), "pass"),
        (slices(24, 400), slices(20, 2000), "fail"),
        (slices(12, 400), slices(20, 2000), "undecided"),
        (slices(0, 6), slices(20, 2000), "too few"),
        (slices(20, 400, 2), slices(20, 2000, 2), "too few"),
        (EMPTY, slices(20, 2000), "no data"),
        (slices(4, 400), EMPTY, "no data"),
    ],
)
def test_verdicts(canary: list[Count], stable: list[Count], verdict: str) -> None:
    """Proven no worse, proven worse, neither, too little, or nothing at all."""
    assert share(canary, stable).verdict == verdict


def test_worse_by_less_than_the_margin_never_fails() -> None:
    """However certain: 1.5 % more of a million requests is real, and does not matter."""
    made = share(slices(1_750, 70_000), slices(700, 70_000))
    assert made.p_harm == pytest.approx(0, abs=1e-12)
    assert made.verdict == "pass"


def test_a_handful_of_bad_requests_never_fails() -> None:
    """Four of a hundred can be chance, whatever the test says."""
    canary = [Count(4, 20), *[Count(0, 20)] * 4]
    assert share(canary, slices(0, 20_000, 5)).verdict == "undecided"


def test_noise_widens_the_doubt() -> None:
    """The same totals, all of the canary's bad requests in one slice of fifteen: no longer certain."""
    lumpy = [Count(360, 400), *[Count(0, 400)] * 14]
    even, rough = share(slices(24, 400), slices(20, 2000)), share(lumpy, slices(20, 2000))
    assert (even.verdict, rough.verdict) == ("fail", "undecided")
    assert rough.inflation is not None
    assert rough.inflation > 10


def test_more_guardrails_and_looks_ask_for_more_certainty() -> None:
    """Bonferroni: harm is shared among both, no harm among looks alone."""
    levels = Levels(looks=3)
    assert levels.of_fail(5) == pytest.approx(0.05 / 15)
    assert levels.of_pass == pytest.approx(0.05 / 3)


@pytest.mark.parametrize(
    ("canary", "verdict"),
    [(0.5, "pass"), (0.51, "pass"), (0.6, "fail"), (0.4, "pass")],
)
def test_cost_is_compared_in_pairs(canary: float, verdict: str) -> None:
    """Both tracks follow the load of the hour; their ratio does not."""
    load = [1 + 0.5 * (index % 4) for index in range(10)]
    ours = [canary * each * (1 + 0.01 * (index % 2)) for index, each in enumerate(load)]
    made = judge_cost(ours, [0.5 * each for each in load], margin=0.1, levels=LEVELS, guardrails=5)
    assert made.verdict == verdict


def test_cost_that_is_exactly_alike_passes_and_none_is_no_data() -> None:
    """No scatter at all is certainty; slices without a price on both tracks are none."""
    assert judge_cost([1.0] * 8, [1.0] * 8, margin=0.1, levels=LEVELS, guardrails=5).verdict == "pass"
    assert judge_cost([0.0] * 8, [1.0] * 8, margin=0.1, levels=LEVELS, guardrails=5).verdict == "no data"
    assert judge_cost([1.0] * 3, [1.0] * 3, margin=0.1, levels=LEVELS, guardrails=5).verdict == "too few"


def gate(*verdicts: tuple[str, str], required: frozenset[str] = frozenset({"ttft", "error"})) -> Gate:
    """A gate of guardrails with given verdicts."""
    judged = tuple(Judgement(name, verdict, 0.02, "because") for name, verdict in verdicts)  # type: ignore[arg-type]  # words of a test
    return Gate(judged, required, LEVELS)


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ((("ttft", "pass"), ("error", "pass")), PASS),
        ((("ttft", "pass"), ("error", "fail")), FAIL),
        ((("ttft", "no data"), ("error", "fail")), FAIL),
        ((("ttft", "pass"), ("error", "undecided")), NOT_ENOUGH),
        ((("ttft", "pass"), ("error", "too few")), NOT_ENOUGH),
        ((("ttft", "pass"), ("error", "no data")), NOT_ENOUGH),
        ((("ttft", "pass"), ("error", "pass"), ("cost", "no data")), PASS),
        ((("ttft", "pass"), ("error", "pass"), ("cost", "undecided")), NOT_ENOUGH),
        ((("cost", "no data"),), NOT_ENOUGH),
    ],
)
def test_the_gate_passes_only_if_all_do(verdicts: tuple[tuple[str, str], ...], status: int) -> None:
    """One failure fails; a required guardrail without data waits; an optional one without data does not count."""
    made = gate(*verdicts)
    assert (made.status, made.numbers()["status"]) == (status, status)


def test_the_table_names_what_was_not_judged() -> None:
    """And ends with the verdict."""
    text = table(gate(("ttft", "pass"), ("error", "pass"), ("cost", "no data")))
    assert "not judged" in text
    assert text.endswith("verdict: pass\n")
