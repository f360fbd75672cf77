"""One count from several sources: nothing twice, nothing falls, nothing lost while one of them is followed."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from forewarn.sampling.counter import MonotoneCounter
from forewarn.sampling.sources import PAGE, PLUGIN, Total
from tests.unit.sampling.builders import quick


@dataclass
class Engine:
    """Requests that end, counted alike by two sources of one process after the other."""

    truth: int = 0
    since_start: int = 0
    sources: dict[str, MonotoneCounter] = field(
        default_factory=lambda: {PLUGIN: MonotoneCounter(), PAGE: MonotoneCounter()}
    )
    total: Total[str] = field(default_factory=Total)

    def restart(self) -> None:
        """A new process; seen before its first page, as the monitor does."""
        self.since_start = 0
        for counter in self.sources.values():
            counter.restart()
        self.total.restart()

    def page(self, ended: int, *names: str) -> float:
        """Requests end, and a page shows these sources; returns what is exported."""
        self.truth += ended
        self.since_start += ended
        for name in names:
            self.sources[name].update(self.since_start)
        self.total.update({name: {"": self.sources[name].value} for name in (PLUGIN, PAGE) if name in names})
        return sum(self.total.values().values())


def test_the_first_page_counts_as_it_is() -> None:
    """As the engine's own count does when the sidecar starts later."""
    assert Engine().page(7, PLUGIN, PAGE) == 7
    assert Engine().page(7, PAGE) == 7


def test_the_plugin_appears_at_a_restart() -> None:
    """All that the new process shows is new, by whichever source."""
    engine = Engine()
    engine.page(5, PAGE)
    engine.restart()
    assert engine.page(3, PLUGIN, PAGE) == 8
    assert engine.total.source == PLUGIN
    assert (engine.total.counted(PAGE), engine.total.counted(PLUGIN)) == (5, 3)


def test_the_plugin_disappears_at_a_restart() -> None:
    """And comes back at the one after."""
    engine = Engine()
    engine.page(5, PLUGIN, PAGE)
    engine.restart()
    assert engine.page(3, PAGE) == 8
    engine.restart()
    assert engine.page(2, PLUGIN, PAGE) == 10
    assert (engine.total.counted(PAGE), engine.total.counted(PLUGIN)) == (3, 7)


def test_the_plugin_appears_without_a_restart() -> None:
    """What it counted before it was followed has been counted; the other one stands in for that page."""
    engine = Engine()
    engine.page(5, PAGE)
    assert engine.page(3, PLUGIN, PAGE) == 8
    assert engine.page(4, PLUGIN, PAGE) == 12
    assert engine.total.counted(PLUGIN) == 4


def test_alone_and_away_for_a_page_it_catches_up() -> None:
    """Nobody else counted meanwhile."""
    engine = Engine()
    engine.page(5, PAGE)
    assert engine.page(1) == 5
    assert engine.total.source is None
    assert engine.page(1, PAGE) == 7


def test_taking_turns_loses_what_cannot_be_told_apart_and_counts_nothing_twice() -> None:
    """Two sources that are never on one page cannot vouch for each other."""
    engine = Engine()
    engine.page(5, PAGE)
    assert engine.page(3, PLUGIN) == 5
    assert engine.page(4, PAGE) == 5
    assert engine.page(2, PAGE) == 7


def test_sources_that_disagree_never_make_it_fall() -> None:
    """An estimate above the truth stays counted; from then on the truth's own growth is added."""
    total = Total[str]()
    total.update({PAGE: {"": 10.0}})
    total.restart()
    total.update({PLUGIN: {"": 2.0}, PAGE: {"": 19.0}})
    assert total.values() == {"": 12}


def test_keys_of_any_source_are_exported() -> None:
    """A reason that the better source has not met yet is a zero that the other one vouches for."""
    total = Total[str]()
    total.update({PLUGIN: {"stop": 1.0}, PAGE: {"stop": 1.0, "error": 0.0}})
    assert total.values() == {"stop": 1, "error": 0}
    total.update({PLUGIN: {"stop": 1.0, "error": 2.0}, PAGE: {"stop": 1.0, "error": 2.0}})
    assert total.values() == {"stop": 1, "error": 2}


histories = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.sets(st.sampled_from([PLUGIN, PAGE]))), max_size=30)


@quick
@given(histories)
def test_nothing_is_counted_twice_and_nothing_falls(history: list[tuple[bool, int, set[str]]]) -> None:
    """Whatever comes and goes, with restarts in between."""
    engine, last = Engine(), 0.0
    for restart, ended, names in history:
        if restart:
            engine.restart()
        value = engine.page(ended, *names)
        assert last <= value <= engine.truth
        last = value


@quick
@given(histories)
def test_nothing_is_lost_while_vllms_own_series_stay(history: list[tuple[bool, int, set[str]]]) -> None:
    """The plugin may come and go as it likes: every request is counted once, on the page that shows it."""
    engine = Engine()
    for restart, ended, names in history:
        if restart:
            engine.restart()
        assert engine.page(ended, PAGE, *names) == engine.truth
