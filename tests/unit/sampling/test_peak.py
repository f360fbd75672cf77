"""The sliding maximum is the maximum of what was seen in the window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forewarn.sampling.peak import SlidingMax
from tests.unit.sampling.builders import quick

WINDOW = 10.0
gaps = st.sampled_from([0.0, 0.25, 1.0, 4.0, 9.75, 10.0, 10.25, 60.0])


@quick
@given(st.lists(st.tuples(gaps, st.integers(-5, 20)), max_size=40), gaps)
def test_it_equals_brute_force_and_keeps_no_more_than_the_window(seen: list[tuple[float, int]], later: float) -> None:
    """At every moment, asked or not, the maximum is that of the window, whose ends count."""
    peak, now, values = SlidingMax(WINDOW), 0.0, []
    for gap, value in seen:
        now += gap
        values.append((now, value))
        peak.add(now, value)
        assert len(peak._queue) <= len([t for t, _ in values if t >= now - WINDOW])
    now += later
    inside = [value for t, value in values if t >= now - WINDOW]
    assert peak.value(now) == max(inside, default=None)
    assert peak.value(now) == max(inside, default=None)


def test_nothing_seen_is_absent() -> None:
    """No value, and a window that has passed, give none rather than zero."""
    peak = SlidingMax(WINDOW)
    assert peak.value(5.0) is None
    peak.add(5.0, 3.0)
    assert peak.value(15.0) == 3.0
    assert peak.value(15.5) is None
