"""Clocks: the machine's, and one that moves only when told."""

from __future__ import annotations

import threading
import time

from forewarn.clock import ManualClock, SystemClock


def test_a_manual_clock_moves_only_when_told() -> None:
    """Both times advance together, and a wait is over at once."""
    clock, stop = ManualClock(wall_start=1000.0), threading.Event()
    assert (clock.monotonic(), clock.wall()) == (0.0, 1000.0)
    clock.advance(2.5)
    assert (clock.monotonic(), clock.wall()) == (2.5, 1002.5)
    assert clock.wait(stop, 10.0) is False
    assert (clock.monotonic(), clock.wall()) == (12.5, 1012.5)


def test_a_negative_wait_does_not_turn_a_manual_clock_back() -> None:
    """A poll that is overdue waits for nothing."""
    clock = ManualClock()
    assert clock.wait(threading.Event(), -3.0) is False
    assert clock.monotonic() == 0.0


def test_a_jump_moves_the_wall_clock_alone() -> None:
    """A time server's correction leaves intervals as they are."""
    clock = ManualClock(wall_start=1000.0)
    clock.jump_wall(-500.0)
    assert (clock.monotonic(), clock.wall()) == (0.0, 500.0)


def test_a_set_event_ends_a_wait() -> None:
    """Both clocks tell the waiter that it must stop."""
    stop = threading.Event()
    stop.set()
    assert SystemClock().wait(stop, 60.0) is True
    assert ManualClock().wait(stop, 60.0) is True


def test_the_system_clock_is_the_machine_s() -> None:
    """Both times lie between two readings of the machine's own."""
    clock, monotonic, wall = SystemClock(), time.monotonic(), time.time()
    assert monotonic <= clock.monotonic() <= time.monotonic()
    assert wall <= clock.wall() <= time.time()


def test_an_overdue_wait_of_the_system_clock_returns_at_once() -> None:
    """Zero and negative waits do not block and do not raise."""
    assert SystemClock().wait(threading.Event(), -1.0) is False
    assert SystemClock().wait(threading.Event(), 0.0) is False


def test_a_short_sleep_goes_on_to_its_end_and_tells_of_the_stop() -> None:
    """However short, it takes its time; what was set meanwhile is seen after it."""
    clock, stop = SystemClock(), threading.Event()
    before = clock.monotonic()
    assert clock.wait(stop, 0.02) is False
    assert clock.monotonic() - before >= 0.02
    stop.set()
    assert clock.wait(stop, 0.01) is True
