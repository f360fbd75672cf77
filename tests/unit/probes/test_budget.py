"""What probes may spend over sliding windows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forewarn.clock import ManualClock
from forewarn.config_keys import BY_PATH
from forewarn.probes.budget import REQUESTS_PER_MINUTE, Allowance, SlidingSum


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 30)), max_size=60))
def test_no_window_ever_holds_more_than_the_limit(steps: list[tuple[int, int]]) -> None:
    """Whoever waits as told stays below the limit in every window, and waits no longer than one."""
    clock = ManualClock()
    spending, spent = SlidingSum(100, 60.0, clock), []
    for pause, amount in steps:
        clock.advance(pause)
        delay = spending.delay(amount)
        assert 0 <= delay <= 60.0
        clock.advance(delay)
        assert spending.delay(amount) == 0
        spending.add(amount)
        spent.append((clock.monotonic(), amount))
        now = clock.monotonic()
        assert sum(cost for time, cost in spent if time > now - 60.0) <= 100


def test_what_never_fits_waits_a_window_each_time() -> None:
    """A request that costs more than the whole budget is not sent."""
    spending = SlidingSum(10, 60.0, ManualClock())
    assert spending.delay(11) == 60.0


def test_all_kinds_share_the_rate_cap() -> None:
    """Sixty requests a minute, whoever sends them."""
    clock = ManualClock()
    allowance = Allowance({"liveness": 1e6, "golden": 1e6}, clock)
    for number in range(REQUESTS_PER_MINUTE):
        kind = "liveness" if number % 2 else "golden"
        assert allowance.delay(kind, 1) == (0.0, "")
        allowance.spend(kind, 1)
    assert allowance.delay("golden", 1) == (60.0, "rate")
    clock.advance(60.0)
    assert allowance.delay("golden", 1) == (0.0, "")
    assert allowance.spent("golden") == REQUESTS_PER_MINUTE / 2


def test_no_setting_lifts_the_ceilings() -> None:
    """Budgets and intervals have bounds in the code."""
    for path, beyond in (
        ("probe.tokens_per_hour", 100_001),
        ("warmup.tokens_per_hour", 2_000_001),
        ("quality.tokens_per_hour", 2_000_001),
        ("probe.idle_after", 4.9),
        ("quality.interval", 59),
        ("probe.deadline", 121),
    ):
        try:
            BY_PATH[path].parse(beyond)
        except ValueError as error:
            assert str(error).startswith("a value from ")  # noqa: PT017  the message is the point
        else:
            raise AssertionError(path)
