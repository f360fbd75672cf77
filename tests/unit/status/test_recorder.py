"""Ten minutes of history, with gaps where nothing was known."""

from __future__ import annotations

import pytest

from forewarn.errors import FetchError
from forewarn.snapshot import RankKey
from forewarn.status import recorder as recording
from forewarn.status.recorder import POINTS, STEP
from tests.unit.collectors.harness import Rank, World
from tests.unit.collectors.worlds import working

KEY = RankKey("m", "0")


def history(world: World, indicator: str = "waiting") -> list[float | None]:
    """The sparkline of an indicator of the first rank."""
    values = world.parts.recorder.history(KEY, indicator)["values"]
    assert isinstance(values, list)
    return values


def test_a_point_is_taken_every_five_seconds() -> None:
    """However often it is asked, and beginning with the first poll."""
    world = World()
    world.run(26.0)
    assert history(world) == [0] * 6


def test_a_line_ends_now_and_starts_a_step_a_point_earlier() -> None:
    """Times are seconds since the epoch by the wall clock of now."""
    world = World()
    world.run(26.0)
    start = world.parts.recorder.history(KEY, "waiting")["start"]
    assert start == pytest.approx(world.clock.wall() - world.clock.monotonic())
    world.clock.jump_wall(100.0)
    assert world.parts.recorder.history(KEY, "waiting")["start"] == pytest.approx(start + 100.0)


def test_no_more_than_ten_minutes_are_kept() -> None:
    """Memory is bounded: the oldest points go."""
    world = World()
    for n in range(POINTS + 30):
        world.engine.rank.waiting = n
        world.poller.poll_once()
        world.parts.recorder.tick()
        world.clock.advance(STEP)
    assert history(world) == list(range(30, POINTS + 30))


def test_an_engine_that_is_away_leaves_a_gap() -> None:
    """None for each missed point, and values again when it is back."""
    world = World()
    world.run(11.0)
    world.engine.error = FetchError("refused", "no")
    world.run(15.0)
    world.engine.error = None
    world.run(6.0)
    line = history(world)
    assert line[:3] == [0, 0, 0]
    assert line[3:6] == [None, None, None]
    assert line[-1] == 0


def test_polls_that_did_not_come_leave_a_gap_of_their_length() -> None:
    """A sidecar that was stopped for half a minute shows half a minute of nothing."""
    world = World()
    world.run(6.0)
    before = len(history(world))
    world.clock.advance(30.0)
    world.run(1.0)
    gap = history(world)[before:]
    assert gap[-1] == 0
    assert gap[:-1] == [None] * len(gap[:-1])
    assert len(gap) in (6, 7)


def test_a_gap_of_days_costs_no_more_than_the_line() -> None:
    """The line is full of gaps and no longer than ever."""
    world = World()
    world.step()
    world.clock.advance(1e6)
    world.step()
    assert history(world) == [None] * (POINTS - 1) + [0]


def test_rates_are_not_taken_across_a_gap() -> None:
    """What happened while the engine was away belongs to no minute."""
    world = working()
    world.run(20.0)
    world.engine.error = FetchError("refused", "no")
    world.run(30.0)
    world.engine.error = None
    world.engine.rank.preemptions = 1000
    world.run(1.0)
    assert world.parts.recorder.values(KEY)["preemptions"] is None
    world.run(12.0)
    assert world.parts.recorder.values(KEY)["preemptions"] == 0


def test_rates_are_of_the_last_minute() -> None:
    """After a minute at one preemption a second the rate is one."""
    world = working()
    while world.clock.monotonic() < 90.0:
        world.engine.rank.preemptions = int(world.clock.monotonic())
        world.step()
    assert world.parts.recorder.values(KEY)["preemptions"] == pytest.approx(1.0, abs=0.1)


def test_an_engine_that_is_away_has_no_value() -> None:
    """Nothing is shown as it was."""
    world = working()
    world.run(10.0)
    assert world.parts.recorder.values(KEY)["waiting"] == 8
    world.engine.error = FetchError("refused", "no")
    world.step()
    assert set(world.parts.recorder.values(KEY).values()) == {None}


def test_before_the_first_point_there_is_neither_value_nor_line() -> None:
    """A page that is asked for between a poll and its record is no error."""
    world = World()
    world.poller.poll_once()
    assert set(world.parts.recorder.values(KEY).values()) == {None}
    line = world.parts.recorder.history(KEY, "waiting")
    assert line == {"start": world.clock.wall(), "step": STEP, "values": []}


def test_a_rank_that_left_takes_its_history_along() -> None:
    """One that joins starts with an empty line."""
    world = working()
    world.run(10.0)
    world.engine.ranks = {"5": Rank(waiting=1)}
    world.run(12.0)
    assert history(world) == []
    assert world.parts.recorder.history(RankKey("m", "5"), "waiting")["values"] == [1, 1]


def test_a_failing_indicator_does_not_end_the_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect costs sparklines, is logged once, and polls go on."""
    world = working()

    def defect(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(recording, "mark", defect)
    world.run(20.0)
    assert len(world.lines("status history failed: ZeroDivisionError: oh")) == 1
    assert world.value("llm_engine_up") == 1
