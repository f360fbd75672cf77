"""When users hurt."""

from __future__ import annotations

import pytest

from lab.pain import Outcomes, Spell, Verdict, spells
from lab.scenario import Slo

SLO = Slo(ttft=2.0, tpot=0.1)
INF = float("inf")


def _verdicts(bad: list[float], good: list[float]) -> list[Verdict]:
    return sorted([*(Verdict(time, True, 3.0) for time in bad), *(Verdict(time, False, 0.1) for time in good)])


def test_five_bad_requests_in_a_minute_are_pain_from_the_first_of_them() -> None:
    """Four are not, and five spread over more than a minute are not."""
    good = [float(n) for n in range(400)]
    assert spells(_verdicts([100.0, 110.0, 120.0, 130.0], good)) == []
    assert spells(_verdicts([100.0, 120.0, 140.0, 155.0, 161.0], good)) == []
    assert spells(_verdicts([100.0, 110.0, 120.0, 130.0, 140.0], good)) == [Spell(100.0, 159.0)]


def test_five_bad_requests_of_a_thousand_are_no_pain() -> None:
    """At least one request in a hundred must be bad."""
    bad = [10.0, 20.0, 30.0, 40.0, 50.0]
    assert spells(_verdicts(bad, [n * 0.2 for n in range(300)])) != []
    assert spells(_verdicts(bad, [n * 0.01 for n in range(6000)])) == []


def test_two_spells_far_apart_stay_two() -> None:
    """Close ones are one."""
    bad = [*range(0, 50, 10), *range(90, 140, 10), *range(1000, 1050, 10)]
    assert [spell.start for spell in spells(_verdicts([float(n) for n in bad], []))] == [0.0, 1000.0]


def _life(outcomes: Outcomes, number: int, **events: float) -> None:
    outcomes.arrived(number, 10.0, failing=bool(events.get("failing")))
    if "first" in events:
        outcomes.first_token(number, events["first"])
    if "end" in events:
        outcomes.finished(number, events["end"], int(events.get("tokens", 11)))
    if "failed" in events:
        outcomes.failed(number, events["failed"])
    if "left" in events:
        outcomes.left(number, events["left"])


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ({"first": 11.0, "end": 11.9}, (11.9, False)),
        ({"first": 12.5, "end": 13.0}, (12.0, True)),
        ({}, (12.0, True)),
        ({"first": 11.0}, None),
        ({"first": 11.0, "end": 12.1}, (12.1, True)),
        ({"first": 11.0, "end": 30.0, "tokens": 1}, (30.0, False)),
        ({"first": 11.0, "end": 11.9, "failing": 1}, (11.9, True)),
        ({"failed": 10.5}, (10.5, True)),
        ({"failed": 13.0}, (12.0, True)),
        ({"first": 11.0, "failed": 14.0}, (14.0, True)),
        ({"left": 11.0}, None),
        ({"left": 13.0}, (12.0, True)),
        ({"first": 11.0, "left": 13.0}, None),
    ],
)
def test_a_request_is_judged_when_its_fate_is_sealed(
    events: dict[str, float], expected: tuple[float, bool] | None
) -> None:
    """Late first token, slow tokens, failure and empty answer are bad; a client that leaves in time says nothing."""
    outcomes = Outcomes()
    _life(outcomes, 0, **events)
    found = [(verdict.time, verdict.bad) for verdict in outcomes.verdicts(SLO, until=100.0)]
    assert found == ([] if expected is None else [expected])
