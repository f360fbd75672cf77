"""The peak of the last moments in constant memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forewarn.plugin.peak import SLOT, Peak
from tests.unit.sampling.builders import quick

steps = st.lists(st.tuples(st.floats(0, 8), st.floats(0, 100)), min_size=1, max_size=40)


def test_a_peak_lasts_one_slot_at_least_and_two_at_most() -> None:
    """Seen at any moment, it is still there a slot later and gone after two."""
    peak = Peak()
    assert peak.add(12.0, 9.0) == 9
    assert peak.add(12.0 + SLOT, 1.0) == 9
    assert peak.at(12.0 + 2 * SLOT) == 1
    assert peak.at(1000.0) == 0


@quick
@given(steps)
def test_it_lies_between_the_maxima_of_one_and_of_two_slots(gaps: list[tuple[float, float]]) -> None:
    """Never less than what the last slot's length of time saw, never more than what twice of it did."""
    peak, now, seen = Peak(), 0.0, list[tuple[float, float]]()
    for gap, value in gaps:
        now += gap
        seen.append((now, value))
        got = peak.add(now, value)
        assert got >= max(v for t, v in seen if t > now - SLOT)
        assert got <= max(v for t, v in seen if t > now - 2 * SLOT)
