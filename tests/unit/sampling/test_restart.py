"""A new process is told from a page that is a moment old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from forewarn.sampling.restart import RestartDetector
from forewarn.snapshot import RankKey
from tests.unit.sampling.builders import quick

if TYPE_CHECKING:
    from collections.abc import Callable

ZERO, ONE = RankKey("m", "0"), RankKey("m", "1")
START = 1_700_000_000.0


Counts = dict[RankKey, dict[str, float]]


def counts(tokens: float, requests: float | None = None, rank: RankKey = ZERO) -> Callable[[], Counts]:
    """Raw counts of one rank."""
    found = {"tokens": tokens}
    return lambda: {rank: found if requests is None else {**found, "requests": requests}}


def both(one: Callable[[], Counts], other: Callable[[], Counts]) -> Callable[[], Counts]:
    """Raw counts of two ranks."""
    return lambda: one() | other()


def after(start: float | None, seen: Callable[[], Counts]) -> RestartDetector:
    """A detector that saw one page."""
    detector = RestartDetector()
    assert not detector.update(start, seen)
    return detector


def test_the_first_page_is_no_restart() -> None:
    """There is nothing to compare it with, failed polls before it or not."""
    detector = RestartDetector()
    detector.missed()
    assert not detector.update(None, counts(5))


def test_another_start_time_is_a_restart_whatever_the_counts() -> None:
    """A new process that is already ahead of the old one is still a new one."""
    assert after(START, counts(100)).update(START + 60, counts(500))
    assert after(START, counts(100)).update(START - 60, counts(100))


def test_the_same_start_time_is_none_whatever_the_counts() -> None:
    """Counts that fall in one process are dips; a rounded start time is the same."""
    detector = after(START, counts(100))
    detector.missed()
    assert not detector.update(START + 0.4, counts(1))


def test_without_a_start_time_a_count_that_fell_to_less_than_half_is_a_restart() -> None:
    """Any one count decides; at half or more it may be a page that is a moment old."""
    assert after(None, counts(100, 10)).update(None, counts(100, 4))
    assert not after(None, counts(100, 10)).update(None, counts(99, 5))


def test_after_failed_polls_any_fall_is_a_restart() -> None:
    """The engine was away; the next page without a gap is judged as usual again."""
    detector = after(None, counts(100))
    detector.missed()
    assert detector.update(None, counts(99))
    assert not detector.update(None, counts(98))


def test_after_failed_polls_counts_that_go_on_are_no_restart() -> None:
    """A slow engine is the same engine."""
    detector = after(None, counts(100))
    detector.missed()
    assert not detector.update(None, counts(100))


def test_with_start_times_nobody_counts() -> None:
    """Where both pages show one, which is the rule, a poll is spared the work."""

    def never() -> Counts:
        raise AssertionError

    assert not after(START, counts(5)).update(START, never)


def test_a_start_time_lost_or_found_leaves_it_to_the_counts() -> None:
    """Two start times are needed to compare them."""
    assert not after(START, counts(100)).update(None, counts(101))
    assert not after(None, counts(100)).update(START, counts(101))
    assert after(START, counts(100)).update(None, counts(3))


def test_series_that_appear_with_their_first_event_are_compared_with_the_last_process() -> None:
    """A fresh page without counts does not hide the restart, which is seen once."""
    detector = after(None, counts(100, 20))
    detector.missed()
    assert not detector.update(None, dict)
    assert detector.update(None, counts(2))
    assert not detector.update(None, counts(3, 1))


def test_a_rank_that_left_is_forgotten() -> None:
    """One that comes back with other counts does not restart the rest."""
    detector = after(None, both(counts(100), counts(100, rank=ONE)))
    assert not detector.update(None, counts(110))
    assert not detector.update(None, both(counts(120), counts(1, rank=ONE)))


@quick
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.booleans()), max_size=30), st.booleans())
def test_a_process_whose_counts_only_rise_never_restarts(polls: list[tuple[bool, int, bool]], shown: bool) -> None:  # noqa: FBT001  drawn
    """Failed polls and vanished series alone are no restart."""
    detector, tokens = RestartDetector(), 0
    for failed, gained, absent in polls:
        if failed:
            detector.missed()
        tokens += gained
        page = counts(7) if absent else counts(7, tokens)
        assert not detector.update(START if shown else None, page)
