"""`/api/status` in every state: valid JSON, nothing invented, and a reason for what is missing."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from forewarn import signals as s
from forewarn.errors import FetchError
from forewarn.status.indicators import INDICATORS
from tests.unit.collectors.harness import Rank, World
from tests.unit.collectors.worlds import working


def status(world: World) -> dict[str, Any]:
    """The status as a browser gets it; a value that JSON does not have fails."""
    text = json.dumps(world.parts.web._status(), allow_nan=False)
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def indicator(world: World, name: str) -> dict[str, Any]:
    """One indicator of the first rank."""
    (found,) = [entry for entry in status(world)["ranks"][0]["indicators"] if entry["id"] == name]
    assert isinstance(found, dict)
    return found


def failing(kind: str) -> World:
    """An engine that worked and then failed."""
    world = working()
    world.run(10.0)
    world.engine.error = FetchError(kind, "the reason")
    world.run(3.0)
    return world


def test_before_the_first_poll() -> None:
    """Starting, not up, no rank, and no age."""
    found = status(World())
    assert (found["engine"]["state"], found["engine"]["up"], found["ranks"]) == ("starting", False, [])
    assert found["engine"]["sample_age_seconds"] is None
    assert found["ready"] == {"ready": False, "reason": "engine not seen yet: no poll yet"}
    assert {row["state"] for row in found["signals"]} == {"missing"}
    assert {row["reason"] for row in found["signals"]} == {"no page seen yet"}


def test_a_working_engine() -> None:
    """Up and ok, every indicator present with value or reason."""
    world = working()
    world.run(6.0)
    found = status(world)
    assert (found["engine"]["state"], found["engine"]["up"]) == ("ok", True)
    assert found["engine"]["poll"] == {"mode": "two-speed", "fast_seconds": 0.25, "full_seconds": 2.0}
    assert found["identity"] == {"deployment": "m", "version": "", "track": "stable", "model": "m"}
    entries = found["ranks"][0]["indicators"]
    assert [entry["id"] for entry in entries] == [entry.id for entry in INDICATORS]
    assert all((entry["value"] is None) == (entry["missing_because"] is not None) for entry in entries)
    assert all((entry["value"] is None) == (entry["state"] == "unknown") for entry in entries)


def test_an_indicator_carries_value_objective_state_and_history() -> None:
    """A pressure of two is over an objective of one."""
    world = working()
    world.run(10.0)
    found = indicator(world, "queue_pressure")
    assert (found["value"], found["objective"], found["state"], found["unit"]) == (2, 1, "over", "ratio")
    assert found["history"]["values"][-1] == 2
    assert found["runbook"].endswith("LLMQueueGrowing.md")


def test_why_something_is_missing_is_told() -> None:
    """Not on the page, nothing measured, or nobody answers."""
    world = working()
    world.run(10.0)
    assert indicator(world, "tpot_p99")["missing_because"].startswith("no request_time_per_output_token_seconds")
    assert indicator(world, "ttft_p99")["missing_because"] == "nothing to measure in the last minute"
    world.engine.error = FetchError("refused", "no")
    world.step()
    assert indicator(world, "waiting")["missing_because"] == "the engine does not answer"


@pytest.mark.parametrize(
    ("kind", "state"),
    [("refused", "unreachable"), ("timeout", "slow"), ("parse", "bad_page"), ("internal", "bad_page")],
)
def test_an_engine_that_fails(kind: str, state: str) -> None:
    """Down with its reason, since when, its names still known, and no value of an indicator."""
    found = status(failing(kind))
    engine = found["engine"]
    assert (engine["up"], engine["state"], engine["detail"]) == (False, state, "the reason")
    assert engine["since"] == pytest.approx(found["now"] - 3.0, abs=0.5)
    assert engine["alert"] == "LLMEngineDown"
    assert found["identity"]["model"] == "m"
    assert {entry["value"] for entry in found["ranks"][0]["indicators"]} == {None}


def test_readiness_says_why() -> None:
    """The line names the state, its age and its reason."""
    world = failing("refused")
    assert status(world)["ready"]["ready"]
    world.run(6.0)
    assert status(world)["ready"] == {"ready": False, "reason": "engine unreachable for 9 s: the reason"}


def test_an_engine_without_series() -> None:
    """Up, and the state says what is wrong with the page."""
    world = working()
    world.engine.hidden = set(world.engine.rank.families())
    world.run(4.0)
    found = status(world)
    assert (found["engine"]["up"], found["engine"]["state"]) == (True, "no_series")
    assert found["engine"]["alert"] == "LLMSignalMissing"
    missing = [row["state"] for row in found["signals"] if row["signal"] != s.START_TIME]
    assert set(missing) == {"missing"}


def test_a_stalled_engine() -> None:
    """The state is stalled since nothing moved, though every poll works."""
    world = working()
    world.run(30.0)
    engine = status(world)["engine"]
    assert (engine["up"], engine["state"], engine["alert"]) == (True, "stalled", "LLMEngineStalled")
    assert engine["since"] == pytest.approx(world.clock.wall() - world.clock.monotonic())


def test_several_ranks_are_apart() -> None:
    """Each with its own indicators and lines."""
    world = working()
    world.engine.ranks["1"] = Rank(waiting=1, running=1)
    world.run(12.0)
    found = status(world)["ranks"]
    assert [(rank["engine"], rank["model"]) for rank in found] == [("0", "m"), ("1", "m")]
    waiting = [entry["value"] for rank in found for entry in rank["indicators"] if entry["id"] == "waiting"]
    assert waiting == [8, 1]


def test_whole_pages_alone_are_a_mode() -> None:
    """The page says when polling is not two-speed."""
    world = World()
    world.engine.filter = "empty"
    world.step()
    assert status(world)["engine"]["poll"] == {"mode": "full-only", "fast_seconds": None, "full_seconds": 1.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
def test_no_value_of_an_engine_breaks_the_json(value: float) -> None:
    """Odd gauges, counters and sums never become NaN or infinity on the page."""
    world = working()
    rank = world.engine.rank
    for n in range(4):
        rank.waiting = rank.kv = rank.running = rank.preemptions = value
        rank.ttft = [0.2] * n + [1e308, 1e308]
        rank.finished = {"stop": value, "error": n}
        world.run(6.0)
        status(world)


def test_only_the_last_bucket_breaks_nothing() -> None:
    """A histogram of +Inf alone gives no quantile and a valid page."""
    world = World()
    world.engine.edit = lambda text: "".join(
        line for line in text.splitlines(keepends=True) if "seconds_bucket" not in line or "+Inf" in line
    )
    for n in range(6):
        world.engine.rank.ttft = [0.2] * n
        world.run(6.0)
    assert indicator(world, "ttft_p99")["value"] is None


def test_hostile_names_are_data() -> None:
    """A model's name is carried as it is; escaping is the reader's."""
    world = World(deployment="</script>")
    world.engine.model = '<img onerror="x">\n'
    world.step()
    found = status(world)
    assert found["identity"]["deployment"] == "</script>"
    assert found["ranks"][0]["model"] == '<img onerror="x">\n'


def test_every_signal_has_a_row() -> None:
    """Found, estimated or missing, with its source and what is blind without it."""
    world = working()
    rows = {row["signal"]: row for row in status(world)["signals"]}
    assert list(rows) == [signal.name for signal in s.SIGNALS]
    assert (rows[s.WAITING]["state"], rows[s.WAITING]["source"]) == ("found", "vllm:num_requests_waiting")
    assert (rows[s.ARRIVED]["state"], rows[s.TPOT]["state"]) == ("estimated", "missing")
    assert all(row["blind"] for row in rows.values())
    assert all(row["source"] for row in rows.values() if row["state"] != "missing")
    assert all(row["reason"] for row in rows.values() if row["state"] != "found")


def test_events_are_those_logged() -> None:
    """The page shows the lines of the log, with their time."""
    world = failing("refused")
    texts = [(event["level"], event["text"]) for event in status(world)["events"]]
    assert texts == [("info", "engine ok"), ("warning", "engine unreachable: the reason")]


def test_a_jump_of_the_wall_clock_keeps_durations() -> None:
    """Times move with the clock, so that now minus since stays the same."""
    world = failing("refused")
    before = status(world)
    world.clock.jump_wall(-5000.0)
    after = status(world)
    for found in (before, after):
        assert found["now"] - found["engine"]["since"] == pytest.approx(before["now"] - before["engine"]["since"])
        assert found["engine"]["sample_age_seconds"] == before["engine"]["sample_age_seconds"]
        assert found["now"] - found["forewarn"]["started"] == pytest.approx(world.clock.monotonic())
