"""The sidecar about itself."""

from __future__ import annotations

from forewarn import SCHEMA_VERSION, __version__
from forewarn import signals as s
from forewarn.errors import FetchError
from tests.unit.collectors.harness import World
from tests.unit.collectors.worlds import working


def test_versions_are_told() -> None:
    """Of the package and of the schema."""
    world = World()
    assert world.value("forewarn_build_info", version=__version__) == 1
    assert world.value("forewarn_schema_info", schema=str(SCHEMA_VERSION)) == 1


def test_polls_are_counted_by_result_from_zero() -> None:
    """Success is there from the start, failures once they happen, each with its word."""
    world = World()
    assert world.value("forewarn_polls_total", result="success") == 0
    assert len(world.values("forewarn_polls_total")) == 1
    world.step()
    world.engine.error = FetchError("refused", "no")
    world.step()
    assert world.value("forewarn_polls_total", result="success") == 1
    assert world.value("forewarn_polls_total", result="refused") == 1


def test_durations_are_those_of_the_last_poll_by_speed() -> None:
    """Seconds on the injected clock; no duration before there was a poll."""
    world = World()
    assert world.values("forewarn_poll_duration_seconds") == []
    world.engine.takes = 0.2
    world.step()
    world.engine.takes = 0.05
    world.step()
    assert round(world.value("forewarn_poll_duration_seconds", speed="full") or 0, 6) == 0.2
    assert round(world.value("forewarn_poll_duration_seconds", speed="fast") or 0, 6) == 0.05


def test_the_age_of_the_newest_sample_grows_while_the_engine_is_away() -> None:
    """It is absent before the first, and outlives the values."""
    world = World()
    assert world.value("forewarn_sample_age_seconds") is None
    world.step()
    world.engine.error = FetchError("refused", "no")
    world.run(30.0)
    assert (world.value("forewarn_sample_age_seconds") or 0) >= 30


def test_every_required_signal_says_whether_it_is_there() -> None:
    """One series for each signal that every engine should have, none for optional ones that were never seen."""
    world = working()
    required = [signal.name for signal in s.SIGNALS if not signal.optional]
    assert len(world.values("forewarn_signal_available")) == len(required)
    missing = {name for name in required if world.value("forewarn_signal_available", signal=name) == 0}
    assert missing == {s.TPOT, s.E2E, s.QUEUE_TIME, s.PROMPT_TOKENS}


def test_nothing_is_said_of_signals_while_the_engine_is_away() -> None:
    """A down engine is one alert and not one for every signal."""
    world = working()
    world.engine.error = FetchError("refused", "no")
    world.step()
    assert world.values("forewarn_signal_available") == []
    assert world.values("forewarn_signal_exact") == []


def test_exactness_is_told_only_of_what_is_there() -> None:
    """A missing signal is neither exact nor estimated."""
    world = working()
    assert world.value("forewarn_signal_exact", signal=s.ARRIVED) == 0
    assert world.value("forewarn_signal_exact", signal="slo_ttft") == 0
    for missing in (s.TPOT, s.CACHED_TOKENS, "slo_tpot", "slo_e2e"):
        assert world.value("forewarn_signal_exact", signal=missing) is None
