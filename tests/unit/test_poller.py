"""Two-speed polling: what is asked for when, and what happens when an answer is not what was asked for."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from forewarn.engines.vllm import VllmAdapter
from forewarn.errors import FetchError
from tests.unit.collectors.harness import Rank, World

FULL, FAST = "/metrics", "/metrics/"


def settled(**settings: object) -> World:
    """A sidecar that knows its engine, its first requests forgotten."""
    world = World(**settings)
    world.engine.ranks["0"] = Rank(running=2, waiting=3, kv=0.5, tokens=9)
    world.step()
    world.paths()
    return world


def test_the_first_poll_is_whole_then_asks_the_version_and_tries_the_filter() -> None:
    """A new engine is looked at once as a whole before gauges alone are polled."""
    world = World()
    world.step()
    assert world.paths() == [FULL, "/version", FAST]
    assert world.monitor.version == "0.32.0"
    assert world.value("llm_engine_info", engine_version="0.32.0", kind="vllm", source="metrics") == 1


def test_gauges_are_polled_often_and_the_whole_page_less_often() -> None:
    """In ten seconds at the default intervals: five whole pages and thirty-five of gauges."""
    world = settled()
    world.run(2.0 - world.clock.monotonic())
    world.paths()
    world.run(10.0)
    paths = world.paths()
    assert (paths.count(FULL), paths.count(FAST), len(paths)) == (5, 35, 40)


def test_the_filter_names_the_gauges_as_samples() -> None:
    """The filtered path asks for the sample names of the page's gauges and nothing else."""
    world = settled()
    world.step()
    ((_, path),) = world.engine.requests
    names = ("running", "waiting")
    assert path == FAST + "?" + "&".join(
        [*(f"name%5B%5D=vllm%3Anum_requests_{name}" for name in names), "name%5B%5D=vllm%3Akv_cache_usage_perc"]
    )


@pytest.mark.parametrize("answers", ["empty", "whole", "fails"])
def test_where_the_page_cannot_be_filtered_whole_pages_are_polled(answers: str) -> None:
    """Empty, ignored or failing filters make it one whole page a second, said in one line and in a metric."""
    world = World()
    world.engine.filter = answers  # type: ignore[assignment]  # one of its words
    world.step()
    world.paths()
    world.run(10.0)
    assert world.paths() == [FULL] * 10
    assert len(world.lines("polling whole pages every 1 s")) == 1
    assert world.value("forewarn_poll_interval_seconds", speed="full") == 1
    assert world.value("forewarn_poll_interval_seconds", speed="fast") is None
    assert world.value("llm_engine_up") == 1


def test_both_intervals_are_exported_where_they_are_in_force() -> None:
    """The metric shows what polling does, not what was wished for."""
    world = World()
    assert world.value("forewarn_poll_interval_seconds", speed="full") == 1
    world.step()
    assert world.value("forewarn_poll_interval_seconds", speed="full") == 2
    assert world.value("forewarn_poll_interval_seconds", speed="fast") == 0.25


def test_a_filter_that_stops_working_is_given_up_until_the_engine_is_new() -> None:
    """An empty or partial filtered page counts for nothing; after a restart the filter is tried again."""
    for wrong in ("empty", "partial"):
        world = settled()
        if wrong == "empty":
            world.engine.filter = "empty"
        else:
            world.engine.hidden = {"num_requests_waiting"}
        world.step()
        world.engine.hidden = set()
        assert world.value("llm_requests_waiting") == 3
        assert len(world.lines("the filtered page no longer shows what was asked for")) == 1
        world.run(5.0)
        assert set(world.paths()[1:]) == {FULL}
        world.engine.filter = "honoured"
        world.engine.restart()
        world.run(1.0)
        assert world.paths()[:3] == [FULL, "/version", FAST]


def test_a_filtered_page_with_another_gauge_is_not_trusted() -> None:
    """A filter that lets through more than it was asked for is none."""
    world = World()
    world.engine.edit = lambda text: text + "extra 1\n" if "process_start" not in text else text
    world.step()
    assert world.lines("the filtered page is not what was asked for")


def test_polls_never_overlap_and_late_ones_are_not_made_up() -> None:
    """An engine that takes longer than the interval is asked one thing at a time, at once after its answer."""
    world = settled()
    world.engine.takes = 0.6
    world.run(6.0)
    times = [time for time, _ in world.engine.requests]
    assert all(later - sooner == pytest.approx(0.6) for sooner, later in pairwise(times))
    paths = world.paths()
    assert paths.count(FULL) >= 2
    assert paths.count(FAST) >= 4


def test_a_slow_engine_is_sampled_as_long_as_it_takes() -> None:
    """The sample histogram covers the elapsed time, although a slow engine is asked less often."""
    world = settled()
    world.engine.takes = 0.6
    before, start = world.value("llm_requests_waiting_samples_count") or 0, world.clock.monotonic()
    world.run(30.0)
    gained = (world.value("llm_requests_waiting_samples_count") or 0) - before
    assert gained == pytest.approx((world.clock.monotonic() - start) / 0.25, abs=3)


@pytest.mark.parametrize("kind", ["refused", "timeout", "http_status", "truncated", "network"])
def test_after_a_failure_two_polls_bring_everything_back(kind: str) -> None:
    """The first poll that works shows the engine again, the second is fast again."""
    world = settled()
    world.engine.error = FetchError(kind, "no")
    world.step()
    assert world.value("llm_engine_up") == 0
    assert world.value("forewarn_polls_total", result=kind) == 1
    world.run(5.0)
    world.engine.error = None
    world.step()
    assert world.value("llm_engine_up") == 1
    assert world.value("llm_requests_waiting") == 3
    world.paths()
    world.step()
    assert world.paths() == [FAST]


def test_a_failing_engine_is_asked_once_a_second() -> None:
    """Failures neither speed polling up nor slow it down."""
    world = settled()
    world.engine.error = FetchError("refused", "no")
    world.run(10.25)
    assert world.paths()[1:] == [FULL] * 10
    assert world.value("forewarn_poll_interval_seconds", speed="full") == 1


def test_after_a_failure_a_shorter_full_interval_holds() -> None:
    """Where whole pages are wanted more often than the fallback, recovery is as quick."""
    world = World(poll__full_interval=0.5)
    world.engine.error = FetchError("refused", "no")
    world.run(5.0)
    assert world.paths() == [FULL] * 10


def test_a_fast_poll_that_fails_counts_as_a_failure() -> None:
    """Fast polls notice at once that the engine is gone."""
    world = settled()
    world.engine.error = FetchError("timeout", "no answer within 5 s")
    world.step()
    assert world.paths() == [FAST]
    assert (world.monitor.state, world.monitor.up) == ("slow", False)


def test_an_engine_that_is_replaced_is_introduced_again() -> None:
    """A restart seen without a failed poll reads the version and tries the filter again."""
    world = settled()
    world.engine.restart()
    world.engine.version = "0.33.0"
    world.run(2.5)
    assert world.paths().count("/version") == 1
    assert world.monitor.version == "0.33.0"


@pytest.mark.parametrize("body", ["0.32.0", "[]", '{"version": 7}', "{}", "", '{"version": null}', "\x00"])
def test_a_version_that_cannot_be_read_is_unknown(body: str) -> None:
    """Engines without a version endpoint are polled all the same."""
    world = World()
    answer = world.engine._answer
    raw = type(answer("/version"))(body.encode(), "text/plain")
    world.engine._answer = lambda path: raw if path == "/version" else answer(path)  # type: ignore[method-assign]  # scripted
    world.step()
    assert (world.monitor.version, world.monitor.state) == ("", "ok")
    assert world.value("llm_engine_info", engine_version="unknown") == 1


def test_a_version_is_bounded() -> None:
    """A label does not grow with what a server answers."""
    world = World()
    world.engine.version = "9" * 500
    world.step()
    assert world.monitor.version == "9" * 64


@pytest.mark.parametrize(
    ("kind", "body"), [("text/html", "vllm:x 1\n"), ("text/plain", "<html>"), ("text/plain", " {")]
)
def test_what_is_no_metrics_page_is_refused(kind: str, body: str) -> None:
    """A proxy's page with status 200 is not an engine without series."""
    world = settled()
    world.engine.content_type, world.engine.edit = kind, lambda _: body
    world.step()
    assert world.monitor.state == "bad_page"
    assert world.value("forewarn_polls_total", result="not_text") == 1


def test_a_page_that_does_not_parse_is_a_failure() -> None:
    """Garbage is a bad page, counted, and gone with the next good one."""
    world = settled()
    world.engine.edit = lambda _: "vllm:num_requests_running{ 1\n"
    world.step()
    assert world.monitor.state == "bad_page"
    assert world.value("forewarn_polls_total", result="parse") == 1
    world.engine.edit = str
    world.step()
    assert world.monitor.state == "ok"


def test_a_defect_shows_as_a_state_and_does_not_end_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception in the adapter is a failed poll with its own word, and the next poll is made."""

    def defect(*_: object) -> None:
        raise RuntimeError("oh")

    world = World()
    monkeypatch.setattr(VllmAdapter, "bind", defect)
    world.run(3.0)
    assert (world.monitor.state, world.monitor.detail) == ("bad_page", "RuntimeError: oh")
    assert world.value("forewarn_polls_total", result="internal") == 3
    assert len(world.lines("RuntimeError: oh")) == 1
    monkeypatch.undo()
    world.step()
    assert world.monitor.state == "ok"


def test_running_ends_when_told_and_polls_until_then() -> None:
    """The loop waits for the next poll, calls back after each, and stops with its event."""
    world, stop, calls = World(), threading.Event(), []

    def after() -> None:
        calls.append(world.clock.monotonic())
        if len(calls) == 9:
            stop.set()

    world.poller.run(stop, after)
    assert calls == [0.25 * i for i in range(9)]


def test_a_page_read_once_is_whole_and_reported_failures_do_not_raise() -> None:
    """One look for `forewarn check` works outside the schedule."""
    world = settled()
    world.poller.poll_once()
    assert world.paths() == [FULL]
    world.engine.error = FetchError("refused", "no")
    world.poller.poll_once()
    assert world.monitor.state == "unreachable"


def test_a_filter_probe_that_does_not_parse_falls_back() -> None:
    """The whole page's values stay; only the filter is given up."""
    world = World()
    world.engine.edit = lambda text: text if "process_start" in text else "vllm:x{ 1\n"
    world.step()
    assert world.lines("the filtered page cannot be read")
    assert world.monitor.state == "ok"


def test_an_engine_without_gauges_is_not_asked_for_them() -> None:
    """With no gauge on the page there is nothing to filter for."""
    world = World()
    world.engine.ranks.clear()
    world.run(3.0)
    assert FAST not in world.paths()
    assert world.monitor.state == "no_series"


def test_a_poll_that_begins_late_does_not_delay_the_next() -> None:
    """Each comes on its beat again, so that small delays do not add up to lost polls."""
    world = settled()
    world.run(2.0 - world.clock.monotonic())
    started = world.clock.monotonic()
    for _ in range(40):
        world.clock.advance(0.05)
        world.step()
    assert world.clock.monotonic() - started < 40 * 0.25 + 0.1


def test_a_poll_that_begins_very_late_begins_a_new_rhythm() -> None:
    """Nothing is made up for: after a pause the next poll is a whole interval later."""
    world = settled()
    world.run(3.0)
    world.clock.advance(60.0)
    world.paths()
    before = world.clock.monotonic()
    world.step()
    world.step()
    world.step()
    assert world.clock.monotonic() - before == pytest.approx(0.75)
    assert world.paths() == [FULL, FAST, FAST]
