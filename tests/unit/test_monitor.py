"""What the sidecar says of its engine: states, ages, availability and exactness, with one log line a change."""

from __future__ import annotations

import pytest

from forewarn import signals as s
from forewarn.errors import FetchError
from tests.unit.collectors.harness import World
from tests.unit.collectors.worlds import whole, working


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("refused", "unreachable"),
        ("network", "unreachable"),
        ("timeout", "slow"),
        ("http_status", "bad_page"),
        ("not_text", "bad_page"),
        ("truncated", "bad_page"),
        ("too_large", "bad_page"),
        ("protocol", "bad_page"),
    ],
)
def test_a_state_lasts_as_long_as_its_cause_with_one_line_each_way(kind: str, state: str) -> None:
    """However many polls fail, the log has one line when it begins and one when it ends."""
    world = working()
    world.engine.error = FetchError(kind, "the reason")
    began = world.clock.monotonic()
    world.run(10.0)
    assert (world.monitor.state, world.monitor.detail, world.monitor.since) == (state, "the reason", began)
    assert len(world.lines(f"engine {state}: the reason")) == 1
    world.engine.error = None
    world.run(10.0)
    assert world.monitor.state == "ok"
    assert len(world.lines('"engine ok"')) == 2
    assert len(world.lines("level=warning")) == 1


def test_before_the_first_poll_nothing_is_claimed() -> None:
    """Neither up nor down, and no age of a sample."""
    world = World()
    assert (world.monitor.state, world.monitor.up, world.monitor.sample_age()) == ("starting", None, None)
    assert not world.monitor.fresh()
    assert world.value("llm_engine_up") is None


def test_a_page_without_series_is_told_from_an_engine_that_is_away() -> None:
    """The engine answers, so it is up; what it should show is missing, which the signals say."""
    world = World()
    world.engine.hidden = set(world.engine.rank.families())
    world.run(5.0)
    assert world.monitor.state == "no_series"
    assert "--disable-log-stats" in world.monitor.detail
    assert len(world.lines("engine no_series")) == 1
    assert world.value("llm_engine_up") == 1
    assert world.value("forewarn_signal_available", signal=s.WAITING) == 0
    assert not world.lines("is gone")


def test_a_page_that_loses_its_series_keeps_names_and_counts_for_when_they_are_back() -> None:
    """The values vanish, the model stays known, and counters go on from where they stood."""
    world = working()
    world.engine.hidden = set(world.engine.rank.families())
    whole(world)
    assert world.value("llm_generation_tokens_total") is None
    assert world.value("llm_engine_up", model="m") == 1
    world.engine.hidden = set()
    world.engine.rank.tokens = 130
    whole(world)
    assert world.value("llm_generation_tokens_total") == 130


def test_values_older_than_the_longest_sample_age_are_dropped() -> None:
    """A poll that hangs leaves no stale value on the page; the age says how old the last is."""
    world = working(poll__max_sample_age=3)
    age = world.value("forewarn_sample_age_seconds") or 0.0
    world.clock.advance(3.0 - age)
    assert world.value("llm_requests_waiting") == 8
    world.clock.advance(0.01)
    assert world.value("llm_requests_waiting") is None
    assert world.value("llm_engine_up") == 0
    assert world.value("forewarn_sample_age_seconds") == pytest.approx(3.01)
    assert not world.values("forewarn_signal_available")


def test_a_lost_signal_is_said_once_and_so_is_its_return() -> None:
    """A series that vanishes turns its availability to 0 with one line; its values are absent, not zero."""
    world = working()
    assert world.value("forewarn_signal_available", signal=s.PREEMPTIONS) == 1
    world.engine.hidden = {"num_preemptions_total"}
    world.run(10.0)
    assert world.value("forewarn_signal_available", signal=s.PREEMPTIONS) == 0
    assert world.value("llm_preemptions_total") is None
    assert len(world.lines("signal preemptions is gone: no num_preemptions_total on the page")) == 1
    world.engine.hidden = set()
    world.run(10.0)
    assert world.value("forewarn_signal_available", signal=s.PREEMPTIONS) == 1
    assert len(world.lines("signal preemptions is back, from vllm:num_preemptions_total")) == 1


def test_what_is_derived_is_lost_with_its_inputs() -> None:
    """Arrivals and empty outputs name the signals they need."""
    world = working()
    world.engine.hidden = {"time_to_first_token_seconds", "request_params_max_tokens"}
    world.run(10.0)
    assert world.value("forewarn_signal_available", signal=s.ARRIVED) == 0
    assert world.value("llm_requests_arrived_total") is None
    assert len(world.lines("signal requests_arrived is gone: needs time_to_first_token")) == 1
    assert len(world.lines("signal requests_empty is gone: needs max_tokens_asked")) == 1
    assert world.value("llm_slo_requests_total", sli="ttft") is None


def test_a_value_that_is_no_number_is_a_lost_signal() -> None:
    """The series is there, so the line says what is wrong with it."""
    world = working()
    world.engine.rank.tokens = float("nan")
    world.run(4.0)
    assert world.value("forewarn_signal_available", signal=s.GENERATION_TOKENS) == 0
    assert len(world.lines("signal generation_tokens is gone: value is not a usable number")) == 1
    assert world.value("llm_generation_tokens_total") is None
    world.engine.rank.tokens = 150
    world.run(4.0)
    assert world.value("llm_generation_tokens_total") == 150


def test_optional_signals_are_reported_only_once_lost() -> None:
    """An engine without a feature lacks nothing; one that loses it does."""
    world = working()
    assert world.value("forewarn_signal_available", signal=s.REJECTED) is None
    assert world.value("forewarn_signal_available", signal=s.START_TIME) is None
    world.engine.start_time = None
    world.run(4.0)
    assert world.value("forewarn_signal_available", signal=s.START_TIME) == 0


def test_what_requests_leave_behind_is_not_missed_before_there_was_one() -> None:
    """A fresh engine that shows its counts with their first event lacks nothing; gauges are there from the start."""
    world = World()
    world.engine.hidden = set(world.engine.rank.families()) - {"num_requests_running", "num_requests_waiting"}
    world.run(4.0)
    assert world.value("forewarn_signal_available", signal=s.WAITING) == 1
    assert world.value("forewarn_signal_available", signal=s.KV_USAGE) == 0
    assert world.value("forewarn_signal_available", signal=s.GENERATION_TOKENS) is None
    world.engine.rank.running = 1
    world.run(4.0)
    assert world.value("forewarn_signal_available", signal=s.GENERATION_TOKENS) == 0


def test_a_series_renamed_by_an_upgrade_is_missed_with_the_first_request() -> None:
    """The new process has nothing to show yet; once it serves, what the old one had and it lacks is said once."""
    world = working()
    world.engine.restart()
    world.engine.edit = lambda text: text.replace("num_preemptions_total", "preempted_total")
    world.run(4.0)
    assert world.value("forewarn_signal_available", signal=s.PREEMPTIONS) is None
    assert not world.lines("is gone")
    world.engine.rank.tokens = 5
    world.run(4.0)
    assert world.value("forewarn_signal_available", signal=s.PREEMPTIONS) == 0
    assert len(world.lines("signal preemptions is gone: no num_preemptions_total on the page")) == 1


def test_unknown_series_change_nothing() -> None:
    """A release with families that nobody has seen is read as before."""
    plain, newer = working(), World()
    more = '# TYPE vllm:brand_new histogram\nvllm:brand_new_bucket{le="x"} NaN\nvllm:num_requests_waiting_by_mood 3\n'
    newer.engine.ranks, newer.engine.edit = plain.engine.ranks, lambda text: more + text
    newer.engine.filter = plain.engine.filter = "empty"
    newer.run(4.0)
    plain.run(2.0)
    skipped = ("forewarn_", "_samples")
    kept = [{k: v for k, v in w.exported().items() if not any(x in k[0] for x in skipped)} for w in (plain, newer)]
    assert kept[0].keys() == kept[1].keys()
    assert newer.value("llm_requests_waiting") == 8


def test_the_model_is_remembered_while_the_engine_is_away() -> None:
    """The series that outlive an engine keep its name."""
    world = working()
    world.engine.error = FetchError("refused", "no")
    world.run(30.0)
    assert world.value("llm_engine_up", model="m", deployment="m") == 0
    assert world.value("llm_objective_ttft_seconds", model="m", deployment="m") == 2


def test_exactness_follows_source_and_budget() -> None:
    """An SLI is exact on an edge of its histogram; without a histogram there is nothing to be exact."""
    inside, on_edge = working(), working(objectives__ttft_seconds=1)
    assert inside.value("forewarn_signal_exact", signal="slo_ttft") == 0
    assert on_edge.value("forewarn_signal_exact", signal="slo_ttft") == 1
    assert on_edge.value("forewarn_signal_exact", signal="slo_e2e") is None
    assert on_edge.value("forewarn_signal_exact", signal=s.ARRIVED) == 0
    assert on_edge.monitor.exact("slo_ttft", next(iter(on_edge.monitor.ranks)))
    assert not World().monitor.exact(s.TTFT)


def test_events_are_bounded() -> None:
    """The last twenty lines are kept for the status page."""
    world = World()
    for n in range(50):
        world.monitor.note("info", f"line {n}")
    assert [event.text for event in world.monitor.events] == [f"line {n}" for n in range(30, 50)]
