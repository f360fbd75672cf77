"""Exported counts never go down and count nothing twice, whatever the engine's own do."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from forewarn.sampling.counter import DIPS_BEFORE_REBASE, MonotoneCounter, MonotoneHistogram, rebucket
from tests.unit.sampling.builders import edges, histogram, observations, of, quick

if TYPE_CHECKING:
    from forewarn.snapshot import Histogram

steps = st.lists(
    st.one_of(
        st.integers(0, 40).map(lambda gained: ("gain", gained)),
        st.just(("restart", 0)),
        st.integers(1, 30).map(lambda behind: ("dip", behind)),
    ),
    max_size=40,
)


def following(*raws: float) -> list[float]:
    """Exported values after each raw one."""
    counter, seen = MonotoneCounter(), []
    for raw in raws:
        counter.update(raw)
        seen.append(counter.value)
    return seen


def test_a_counter_follows_the_engines() -> None:
    """Without a reset the exported count is the engine's own."""
    assert following(3, 3, 8) == [3, 3, 8]


def test_a_restart_goes_on_from_the_last_value() -> None:
    """After a restart the new process's count comes on top."""
    counter = MonotoneCounter()
    counter.update(10)
    counter.restart()
    assert counter.value == 10
    counter.update(4)
    assert counter.value == 14


def test_two_restarts_with_nothing_in_between_change_nothing() -> None:
    """A process that never counted adds nothing."""
    counter = MonotoneCounter()
    counter.update(10)
    counter.restart()
    counter.restart()
    counter.update(0)
    assert counter.value == 10


def test_a_short_dip_is_held_and_not_counted_twice() -> None:
    """A page that is a moment old holds the value; growth counts from the old level."""
    assert following(100, 98, 99, 105) == [100, 100, 100, 105]


def test_a_lasting_dip_is_the_new_level() -> None:
    """A part that left is gone: after a few polls counting goes on from the lower level, from where it stands."""
    assert following(100, *[60] * DIPS_BEFORE_REBASE, 61, 70) == [100] + [100] * DIPS_BEFORE_REBASE + [101, 110]


def test_dips_that_do_not_follow_each_other_are_no_new_level() -> None:
    """Only consecutive polls below the last value make a new level."""
    assert following(*[100, 99] * DIPS_BEFORE_REBASE, 101)[-1] == 101


@quick
@given(steps)
def test_a_counter_equals_the_increments_seen(steps: list[tuple[str, int]]) -> None:
    """Over restarts and short dips the export is the sum of what each process was seen to count."""
    counter, process, exported, done, dips = MonotoneCounter(), 0, 0.0, 0, 0
    for kind, amount in steps:
        dips = dips + 1 if kind == "dip" else 0
        if kind == "restart":
            done, process = done + process, 0
            counter.restart()
        elif kind == "gain":
            process += amount
            counter.update(process)
        elif dips < DIPS_BEFORE_REBASE:
            counter.update(max(0, process - amount))
        assert counter.value >= exported
        exported = counter.value
        assert exported == done + process


@quick
@given(st.lists(st.one_of(st.integers(0, 50), st.none()), max_size=40))
def test_a_counter_never_goes_down_nor_past_what_the_engine_counted(raws: list[int | None]) -> None:
    """For any sequence of counts, told restarts or not, the export only rises, by no more than raw rises."""
    counter, last, exported, most = MonotoneCounter(), 0, 0.0, 0.0
    for raw in raws:
        if raw is None:
            counter.restart()
            last = 0
        else:
            counter.update(raw)
            most += max(0, raw - last)
            last = raw
        assert exported <= counter.value <= most
        exported = counter.value


@dataclass
class Engine:
    """A process that observes values and may be replaced by one with other bounds."""

    bounds: tuple[float, ...]
    values: list[float] = field(default_factory=list)

    def page(self) -> Histogram:
        """What it shows."""
        return histogram(self.bounds, self.values)


@quick
@given(st.lists(st.tuples(edges, st.lists(observations, min_size=1, max_size=4)), min_size=1, max_size=4))
def test_a_histogram_counts_every_process_once(processes: list[tuple[tuple[float, ...], list[list[float]]]]) -> None:
    """Over restarts, with other bounds or not, count and sum are those of all observations seen."""
    exported, everything = MonotoneHistogram(), []
    for bounds, batches in processes:
        exported.restart()
        engine = Engine(bounds)
        for batch in batches:
            engine.values += batch
            everything += batch
            exported.update(engine.page())
            value = exported.value
            assert value is not None
            assert value.bounds == bounds
            assert value.count == len(everything)
            assert math.isclose(value.total, math.fsum(everything), abs_tol=1e-9)
            assert list(value.counts) == sorted(value.counts)
            assert all(a <= b for a, b in zip(value.counts, histogram(bounds, everything).counts, strict=True))


@quick
@given(edges, st.lists(st.tuples(observations, st.booleans()), max_size=15))
def test_a_histogram_never_goes_down_nor_past_what_the_engine_counted(
    bounds: tuple[float, ...], pages: list[tuple[list[float], bool]]
) -> None:
    """For any sequence of histograms with the same bounds each bucket only rises, by no more than raw rises."""
    exported, last, most, before = MonotoneHistogram(), histogram(bounds), 0.0, [0.0] * len(bounds)
    for values, restarted in pages:
        if restarted:
            exported.restart()
            last = histogram(bounds)
        raw = histogram(bounds, values)
        exported.update(raw)
        most += max(0.0, raw.count - last.count)
        last = raw
        value = exported.value
        assert value is not None
        assert all(a <= b for a, b in zip(before, value.counts, strict=True))
        assert value.count <= most
        before = list(value.counts)


def test_a_histogram_is_absent_before_the_engine_shows_it() -> None:
    """Absent is absent, also across a restart, and the first page is taken as it is."""
    exported = MonotoneHistogram()
    assert exported.value is None
    exported.restart()
    assert exported.value is None
    exported.update(of(1, 2, 3))
    assert exported.value == of(1, 2, 3)


def test_a_dip_in_any_part_of_a_histogram_holds_it() -> None:
    """A bucket or a sum below the last is a page that is a moment old."""
    for dipped in (of(4, 6, 8, total=9), of(5, 6, 8, total=8.9), of(5, 6, 7, total=9)):
        exported = MonotoneHistogram()
        exported.update(of(5, 6, 8, total=9))
        exported.update(dipped)
        assert exported.value == of(5, 6, 8, total=9)
        exported.update(of(5, 7, 9, total=10))
        assert exported.value == of(5, 7, 9, total=10)


def test_a_lasting_dip_of_a_histogram_is_the_new_level() -> None:
    """After a few polls the histogram goes on from the lower level without falling or jumping."""
    exported = MonotoneHistogram()
    exported.update(of(50, 60, 80, total=90))
    for _ in range(DIPS_BEFORE_REBASE):
        exported.update(of(20, 30, 50, total=40))
        assert exported.value == of(50, 60, 80, total=90)
    exported.update(of(21, 32, 53, total=50))
    assert exported.value == of(51, 62, 83, total=100)


def test_a_bucket_lost_for_a_page_changes_nothing() -> None:
    """Other bounds in the same process show the same observations: nothing is counted twice, no bucket falls."""
    exported = MonotoneHistogram()
    exported.update(of(5, 6, 8))
    exported.update(of(5, 8, bounds=(1.0,)))
    assert exported.value == of(5, 6, 8)
    exported.update(of(5, 7, 9))
    assert exported.value == of(5, 7, 9)


def test_bounds_that_change_for_good_without_a_restart_go_on_under_the_new_ones() -> None:
    """After a few polls the old observations stand under the new bounds, once."""
    exported = MonotoneHistogram()
    exported.update(of(5, 6, 8))
    for _ in range(DIPS_BEFORE_REBASE):
        exported.update(of(5, 8, bounds=(1.0,)))
    assert exported.value == of(5, 8, bounds=(1.0,))
    exported.update(of(6, 10, bounds=(1.0,), total=3))
    assert exported.value == of(6, 10, bounds=(1.0,), total=3)


def test_a_restart_with_other_bounds_keeps_the_past_where_it_surely_is() -> None:
    """An old observation counts from the first new edge that its old bucket lies below."""
    exported = MonotoneHistogram()
    exported.update(of(1, 3, 4))
    exported.restart()
    exported.update(of(1, 1, 1, bounds=(1.5, 2.5), total=0.5))
    assert exported.value == of(1 + 1, 3 + 1, 4 + 1, bounds=(1.5, 2.5), total=1.5)


@quick
@given(edges, edges, observations)
def test_rebucketing_never_claims_too_much(old: tuple[float, ...], new: tuple[float, ...], values: list[float]) -> None:
    """Under other bounds each count is at most the true one, and exact where an edge is shared."""
    moved, true = rebucket(histogram(old, values), new), histogram(new, values)
    assert moved.count == true.count
    for bound, count, exact in zip(new, moved.counts, true.counts, strict=True):
        assert count <= exact
        assert count == exact or bound not in old
