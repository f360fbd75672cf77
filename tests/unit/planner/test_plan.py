"""A whole plan: levers, JSON and table, from the same numbers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn.planner.inputs import Inputs
from forewarn.planner.plan import plan
from forewarn.planner.report import duration, report, share

INPUTS = Inputs(average_load=20, swing=2, replica_requests_per_second=4)


def test_levers_by_hand() -> None:
    """10 + 1 + 1 replicas at 1,825 USD a month; the work is 5 replicas on average."""
    made = {lever.name: lever for lever in plan(INPUTS).levers}
    assert set(made) == {"right-size", "tier", "spot", "quantise", "reserve"}
    assert made["right-size"].low_usd == pytest.approx(plan(INPUTS).saving_usd_per_month)
    assert made["tier"].low_usd == (10 - 7) * 1825
    assert (made["spot"].low_usd, made["spot"].high_usd) == pytest.approx((1.5 * 1825 * 0.3, 1.5 * 1825 * 0.7))
    assert made["quantise"].low_usd == (10 - 9) * 1825
    assert made["reserve"].low_usd == 3 * 1825 * 0.4


def test_the_json_holds_the_terms_and_is_plain() -> None:
    """Numbers only, no NaN, and the sum is the sum."""
    numbers = plan(INPUTS).numbers()
    text = json.dumps(numbers, allow_nan=False)
    replicas = json.loads(text)["replicas"]
    assert replicas["total"] == replicas["peak_need"] + replicas["spares"] + replicas["deploy_headroom"] == 12
    assert numbers["cost"]["saving_usd_per_month"] == pytest.approx(
        numbers["cost"]["static"]["usd_per_month"] - numbers["cost"]["autoscaled"]["usd_per_month"]
    )


def test_the_table_explains_each_term() -> None:
    """Every term of the sum, the floor apart, the three strategies, the five levers, and what was read."""
    text = report(plan(INPUTS), {"--average-load": "sum(x)"})
    words = "peak need|+ k spares|+ deploy headroom|= replicas|correlated failures|GPU failures a day|act ahead by|"
    words += "autoscaling saves|per million tokens|blue/green|rolling|canary|right-size|reserve|sum(x)"
    for word in words.split("|"):
        assert word in text
    assert "Read from Prometheus" not in report(plan(INPUTS), {})


def test_the_table_warns_of_a_target_out_of_reach_and_of_too_few_spares() -> None:
    """Each in a line of its own, and only then."""
    short = Inputs(replica_requests_per_second=4, spares=0, target_availability=0.99999, gpus_per_replica=8)
    text = report(plan(short), {})
    assert "! out of reach" in text
    assert "! too few spares" in text
    assert "99.999% against independent failures takes k = 2" in text
    assert "!" not in report(plan(INPUTS), {})


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "100%"), (0.5, "50.00%"), (0.99954, "99.9540%"), (0.99999985, "99.9999850%"), (1 - 1e-15, "99.9999999%")],
)
def test_a_share_shows_its_nines_and_never_rounds_up(value: float, text: str) -> None:
    """99.9954 % is not 100 %."""
    assert share(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(90, "90 s"), (190, "3.2 min"), (9000, "2.5 h")])
def test_durations_as_a_person_says_them(seconds: float, text: str) -> None:
    """Seconds, minutes or hours."""
    assert duration(seconds) == text


@settings(deadline=None, max_examples=50)
@given(
    average=st.floats(0.1, 1000),
    swing=st.floats(1, 10),
    of_one=st.floats(1, 100),
    gpus=st.integers(1, 16),
    price=st.floats(0, 20),
)
def test_any_plan_is_finite(average: float, swing: float, of_one: float, gpus: int, price: float) -> None:
    """Whatever the inputs within bounds, each number is one, and the table can be written."""
    made = plan(
        Inputs(
            average_load=average,
            swing=swing,
            replica_requests_per_second=of_one,
            gpus_per_replica=gpus,
            usd_per_gpu_hour=price,
        )
    )
    json.dumps(made.numbers(), allow_nan=False)
    assert 0 <= made.autoscaling.bill.idle_share <= made.static.idle_share <= 1
    assert report(made, {})
