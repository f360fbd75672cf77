"""The boards on a real Prometheus: with an incident, with nothing, and with 200 replicas."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.play import play
from lab.reading import load
from lab.tape import SCRAPE_SECONDS
from tests.dashboards import filled
from tests.dashboards.targets import ALL, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.tape import Tape

SCENARIO = Path(__file__).with_name("incident.yaml")
END = 1_750_000_000.0
SHOWN = 2400.0
MANY, READABLE = 200, 12
"""Replicas of a large fleet, and lines that can be told apart in a panel."""
UNFED = {"forewarn-on-call | Anything unseen? | D": "1: no rule has been evaluated"}
"""Queries that say something without data."""
EMPTY = {
    "forewarn-capacity | λ: how many requests arrive each second? | B": "the lab plays less than an hour, not a week",
    "forewarn-quality | Do the scores drift below their own week? | A": "as above: none before a day of scores",
}
"""Queries that are rightly empty over this incident, and why."""


@pytest.fixture(scope="session")
def tape() -> Tape:
    """The incident of incident.yaml, played."""
    return play(load(SCENARIO, None), frozenset()).tape


@pytest.fixture(scope="session")
def incident(tape: Tape, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prometheus with the incident, its end at END."""
    folder = tmp_path_factory.mktemp("incident")
    filled.fill(folder, filled.lines(tape, END), END - tape.length * SCRAPE_SECONDS, END)
    with filled.serving(folder) as url:
        yield url


@pytest.fixture(scope="session")
def large(tape: Tape, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prometheus with the incident's last six minutes on many replicas."""
    folder = tmp_path_factory.mktemp("large")
    filled.fill(folder, filled.many(filled.lines(tape, END), MANY, END - 360), END - 60, END)
    with filled.serving(folder) as url:
        yield url


@pytest.fixture(scope="session")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prometheus without a sample."""
    with filled.serving(tmp_path_factory.mktemp("nothing")) as url:
        yield url


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.id)
def test_every_query_returns_data(incident: str, target: Target) -> None:
    """At least one finite value; those listed as empty have none, so that the list does not rot."""
    found = any(math.isfinite(value) for series in asked(incident, target) for value in series)
    assert found != (target.id in EMPTY)


def test_the_lists_name_queries() -> None:
    """A panel that is renamed leaves them."""
    assert EMPTY.keys() | UNFED.keys() <= {target.id for target in ALL}


@pytest.mark.parametrize("target", [t for t in ALL if t.names], ids=lambda target: target.id)
def test_without_data_nothing_is_shown(nothing: str, target: Target) -> None:
    """A fresh installation's board is empty: no query is refused, and none makes a good 0 of what is absent."""
    assert bool(asked(nothing, target)) == (target.id in UNFED)


@pytest.mark.parametrize(("board", "title"), sorted({(t.board, t.panel) for t in ALL if not t.instant}))
def test_lines_can_be_told_apart_with_many_replicas(large: str, board: str, title: str) -> None:
    """Panels show the worst, or a deployment's sum, not a line for each replica."""
    shown = [t for t in ALL if (t.board, t.panel) == (board, title)]
    assert sum(len(asked(large, target)) for target in shown) <= READABLE


def test_a_large_fleet_is_there(large: str) -> None:
    """The test above has something to look at."""
    assert len(filled.ask(large, "llm:time_to_first_token:p99_5m", END)) == MANY


def asked(url: str, target: Target) -> list[list[float]]:
    """Values of each series that a query returns over the time shown."""
    if target.instant:
        return [[float(series["value"][1])] for series in filled.ask(url, target.expr, END)]
    found = filled.ask_range(url, target.expr, END - SHOWN, END)
    return [[float(value) for _, value in series["values"]] for series in found]
