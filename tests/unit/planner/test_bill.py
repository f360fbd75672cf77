"""Money, idle share, and a fleet that follows the load."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn.planner.bill import HOLD, autoscaling, bill, cold_start_seconds, split_usd, usd_per_replica_hour
from forewarn.planner.demand import STEP, STEPS, day
from forewarn.planner.fleet import fleet
from forewarn.planner.inputs import Inputs


def test_a_bill_by_hand() -> None:
    """Ten replicas at 5 USD an hour, carrying 20 of their 40 requests/s, 1,000 tokens each."""
    inputs = Inputs(
        average_load=20,
        prompt_tokens=800,
        output_tokens=200,
        replica_requests_per_second=4,
        gpus_per_replica=2,
        usd_per_gpu_hour=2.5,
    )
    made = bill(inputs, fleet(inputs, day(20, 2)), 10)
    assert made.usd_per_month == 10 * 5 * 730
    assert made.idle_share == 0.5
    assert made.idle_usd_per_month == 5 * 5 * 730
    assert made.usd_per_million_tokens == pytest.approx(50 / (20 * 1000 * 3600) * 1e6)


def test_reserved_and_spot_hours_at_their_discounts() -> None:
    """Half reserved at 40 % off, a fifth spot at 50 % off: 0.7 of the price."""
    inputs = Inputs(replica_requests_per_second=4, usd_per_gpu_hour=10, reserved_share=0.5, spot_share=0.2)
    assert usd_per_replica_hour(inputs) == pytest.approx(7.0)


@given(prompt=st.floats(0, 1e4), output=st.floats(1, 1e4), weight=st.floats(0.1, 20))
def test_split_prices_add_up_to_the_blended_bill(prompt: float, output: float, weight: float) -> None:
    """Prompt and generated tokens at their prices cost what all cost at the blended one."""
    inputs = Inputs(replica_requests_per_second=4, prompt_tokens=prompt, output_tokens=output, output_weight=weight)
    of_prompt, of_output = split_usd(inputs, 0.5)
    assert of_prompt * prompt + of_output * output == pytest.approx(0.5 * (prompt + output))
    assert of_output == pytest.approx(weight * of_prompt)


def test_cold_start_is_loading_and_warm_up_unless_measured() -> None:
    """140 GB at 2 GB/s and a minute; or what the sidecar measured."""
    assert cold_start_seconds(Inputs(replica_requests_per_second=4)) == 130
    assert cold_start_seconds(Inputs(replica_requests_per_second=4, cold_start_seconds=333)) == 333


@settings(deadline=None, max_examples=40)
@given(
    average=st.floats(1, 500),
    swing=st.floats(1, 10),
    cold=st.floats(1, 20_000),
    of_one=st.floats(0.5, 50),
)
def test_a_fleet_that_follows_always_carries_the_load(average: float, swing: float, cold: float, of_one: float) -> None:
    """There is always what the demand of half an hour ago, of now, and of one lead from now needs, plus k and headroom.

    And never more than the fleet that stands at its peak.
    """
    inputs = Inputs(average_load=average, swing=swing, cold_start_seconds=cold, replica_requests_per_second=of_one)
    shape = day(average, swing)
    size = fleet(inputs, shape)
    made = autoscaling(inputs, size, shape)
    for index in range(0, STEPS, 7):
        now = index * STEP
        needed = max(shape.at(now), shape.at(now - HOLD), shape.at(now + made.lead_seconds)) / of_one
        assert needed <= made.provisioned[index] - size.spares - size.headroom + 1e-6
    assert max(made.provisioned) == size.replicas
    assert made.bill.usd_per_month <= bill(inputs, size, size.replicas).usd_per_month


def test_a_longer_cold_start_costs_more_and_acts_earlier() -> None:
    """Two hours of loading: replicas stand ready longer, and the decision is due at a lower load."""
    quick, slow = (
        autoscaling(inputs, fleet(inputs, day(20, 3)), day(20, 3))
        for inputs in (
            Inputs(average_load=20, swing=3, replica_requests_per_second=1, cold_start_seconds=seconds)
            for seconds in (60, 7200)
        )
    )
    assert slow.bill.usd_per_month > quick.bill.usd_per_month
    assert slow.trigger_share < quick.trigger_share < 1
    assert slow.rise_replicas > 10
    assert quick.rise_replicas < 1


def test_a_flat_load_has_nothing_to_follow() -> None:
    """Swing 1: both bills are the same, and no rise is due."""
    inputs = Inputs(swing=1, replica_requests_per_second=4)
    made = autoscaling(inputs, fleet(inputs, day(20, 1)), day(20, 1))
    assert (made.rise_replicas, made.trigger_share) == (0, 1)
    assert set(made.provisioned) == {fleet(inputs, day(20, 1)).replicas}
