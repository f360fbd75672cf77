"""How far levers are pulled: one step at a time, in order, off again only after a while."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.prometheus_server import prometheus

if TYPE_CHECKING:
    from types import ModuleType

FILE = Path(__file__).parents[2] / "deploy" / "levers" / "forewarn_levers.py"


def load() -> ModuleType:
    """The file that an installation copies, as a module."""
    spec = importlib.util.spec_from_file_location("forewarn_levers", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


levers = load()


def positions(ladder: Any, *told: tuple[float, int]) -> list[int]:  # noqa: ANN401  of a module loaded by path
    """Where the ladder stands after each (time, level)."""
    found = []
    for now, level in told:
        ladder.update(level, now)
        found.append(ladder.position)
    return found


def test_it_climbs_one_step_at_a_time() -> None:
    """At once at first, then only every 30 s, and no further than the level asks."""
    ladder = levers.Ladder(rise_seconds=30, hold_seconds=120)
    assert positions(ladder, (0, 1), (10, 1), (30, 1), (60, 1), (90, 3), (119, 3), (120, 3)) == [1, 1, 2, 2, 3, 3, 4]


def test_half_of_the_traffic_comes_first_and_order_is_kept() -> None:
    """No lever starts before the one that costs users less is pulled for all."""
    ladder = levers.Ladder(rise_seconds=0)
    seen = []
    for now in range(6):
        ladder.update(3, now)
        seen.append(tuple(ladder.shares().values()))
    assert seen == [(0.5, 0, 0), (1, 0, 0), (1, 0.5, 0), (1, 1, 0), (1, 1, 0.5), (1, 1, 1)]
    assert tuple(ladder.shares()) == ("shorten", "shed", "fallback")


def test_it_comes_down_after_a_while_and_slowly() -> None:
    """120 s of a lower level for each step; a moment of relief resets nothing but the wait."""
    ladder = levers.Ladder(rise_seconds=0, hold_seconds=120, position=2)
    assert positions(ladder, (0, 0), (119, 0), (120, 0), (239, 0), (240, 0)) == [2, 2, 1, 1, 0]
    ladder = levers.Ladder(rise_seconds=0, hold_seconds=120, position=2)
    assert positions(ladder, (0, 0), (60, 1), (121, 0), (240, 0), (241, 0)) == [2, 2, 2, 2, 1]


@given(told=st.lists(st.tuples(st.floats(0, 100), st.integers(-1, 5)), max_size=60))
def test_it_never_jumps_and_never_leaves_its_ends(told: list[tuple[float, int]]) -> None:
    """Whatever it is told, each update moves one step at most, so never all traffic at once."""
    ladder, now = levers.Ladder(rise_seconds=30, hold_seconds=120), 0.0
    for gap, level in told:
        before = ladder.position
        now += gap
        ladder.update(level, now)
        assert abs(ladder.position - before) <= 1
        assert 0 <= ladder.position <= levers.TOP


def test_a_silent_source_is_forgotten() -> None:
    """The higher of two counts, while it is fresh."""
    signal = levers.Signal(keep_seconds=60)
    signal.tell("alertmanager", 3, 0)
    signal.tell("prometheus", 1, 50)
    assert [signal.level(now) for now in (50, 61, 111)] == [3, 1, 0]


def webhook(**alert: Any) -> dict[str, Any]:  # noqa: ANN401  an alert is JSON
    """A webhook with one alert."""
    labels = {"alertname": "LLMFleetDegraded", **alert.pop("labels", {})}
    return {"version": "4", "alerts": [{"status": "firing", "labels": labels, **alert}]}


@pytest.mark.parametrize(
    ("told", "level"),
    [
        (webhook(), 1),
        (webhook(labels={"level": "3"}), 3),
        (webhook(annotations={"description": "chat: level 2 of 3. 1: shorten output."}), 2),
        (webhook(status="resolved"), 0),
        (webhook(labels={"alertname": "LLMQueueGrowing"}), None),
        ({"alerts": []}, None),
    ],
)
def test_the_level_of_a_webhook(told: dict[str, Any], level: int | None) -> None:
    """By label, by description, or just on; off when resolved; nothing when it is about something else."""
    assert levers.level_of(told) == level


def test_the_level_of_the_series() -> None:
    """As recorded; None when it is absent or nobody answers, so that the last one ages."""
    with prometheus(lambda *_: [{"metric": {}, "value": [0, "2"]}]) as fake:
        assert levers.ask(fake.url, 'a"b') == 2
        assert fake.forms == [{"query": 'max(llm:degradation_level{deployment="a\\"b"})'}]
    with prometheus(lambda *_: []) as fake:
        assert levers.ask(fake.url, "chat") is None
    assert levers.ask("http://127.0.0.1:1", "chat") is None
