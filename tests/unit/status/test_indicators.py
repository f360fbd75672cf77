"""The status page's indicators: what each is computed from, its unit, and when it is near or over its objective."""

from __future__ import annotations

import math

import pytest

from forewarn import config
from forewarn import signals as s
from forewarn.catalogue import BY_NAME
from forewarn.sampling.rank import RankSampler, SamplerSettings
from forewarn.snapshot import Histogram, RankSnapshot
from forewarn.status.indicators import INDICATORS, Mark, Window, mark, state
from tests.unit.sampling.builders import of

SETTINGS = SamplerSettings(60.0, 20.0, 6.0, {"ttft": 1.0, "tpot": 0.1, "e2e": 60.0})
BY_ID = {indicator.id: indicator for indicator in INDICATORS}
UNITS = {"ratio", "requests", "percent", "per_second", "seconds"}


def seen(now: float, rank: RankSnapshot, sampler: RankSampler | None = None) -> RankSampler:
    """A sampler that saw one whole page."""
    sampler = RankSampler(SETTINGS) if sampler is None else sampler
    sampler.see_gauges(now, 1.0, rank.gauges, doubtful=False)
    sampler.see_counts(now, rank)
    return sampler


def values(before: RankSnapshot, after: RankSnapshot, seconds: float = 30.0) -> dict[str, float | None]:
    """Every indicator over the time between two pages."""
    sampler = seen(0.0, before)
    past = mark(sampler, 0.0)
    seen(seconds, after, sampler)
    window = Window(sampler, seconds, mark(sampler, seconds), past)
    return {indicator.id: indicator.value(window) for indicator in INDICATORS}


BEFORE = RankSnapshot(
    {s.RUNNING: 2.0, s.WAITING: 9.0, s.KV_USAGE: 0.9},
    {s.PREEMPTIONS: 5.0, s.GENERATION_LENGTH: 2.0, s.MAX_TOKENS_ASKED: 0.0},
    {s.FINISHED: {"stop": 10.0, "error": 1.0}},
    {
        s.TTFT: of(10, 10, 10),
        s.TPOT: of(10, 10, 10),
        s.QUEUE_TIME: of(10, 10, 10, total=4.0),
    },
)
AFTER = RankSnapshot(
    {s.RUNNING: 4.0, s.WAITING: 2.0, s.KV_USAGE: 0.4},
    {s.PREEMPTIONS: 20.0, s.GENERATION_LENGTH: 6.0, s.MAX_TOKENS_ASKED: 0.0},
    {s.FINISHED: {"stop": 25.0, "error": 6.0}},
    {
        s.TTFT: of(10, 30, 30),
        s.TPOT: of(30, 30, 30),
        s.QUEUE_TIME: of(10, 30, 30, total=34.0),
    },
)


def test_each_indicator_is_what_its_text_says() -> None:
    """Peaks of the minute, instants, rates per second, means, 99th percentiles and shares."""
    found = values(BEFORE, AFTER)
    assert found == {
        "queue_pressure": 4.5,
        "waiting": 2,
        "kv_cache_usage": 0.9,
        "preemptions": 0.5,
        "queue_time": 1.5,
        "ttft_p99": pytest.approx(1.99),
        "tpot_p99": pytest.approx(0.99),
        "empty_outputs": 0.2,
        "errors": 0.25,
    }


def test_what_the_engine_does_not_show_is_none() -> None:
    """No indicator turns absence into zero."""
    assert set(values(RankSnapshot(), RankSnapshot()).values()) == {None}


def test_nothing_gained_is_none_for_latencies_and_zero_for_rates() -> None:
    """Without requests there is no latency and no share; without preemptions the rate is zero."""
    found = values(BEFORE, BEFORE)
    assert found["preemptions"] == 0
    assert {found[name] for name in ("queue_time", "ttft_p99", "tpot_p99", "empty_outputs", "errors")} == {None}


def test_without_an_earlier_mark_only_what_is_seen_now_is_told() -> None:
    """Rates and quantiles need two moments."""
    sampler = seen(0.0, BEFORE)
    window = Window(sampler, 0.0, mark(sampler, 0.0), None)
    told = {indicator.id for indicator in INDICATORS if indicator.value(window) is not None}
    assert told == {"queue_pressure", "waiting", "kv_cache_usage"}


def test_a_quantile_that_no_bucket_bounds_is_none() -> None:
    """A histogram of +Inf alone has counts and no quantile; the page gets none rather than NaN."""
    unbounded = [Histogram((math.inf,), (count,), count) for count in (1.0, 5.0)]
    before, after = (RankSnapshot(histograms={s.TTFT: histogram}) for histogram in unbounded)
    assert values(before, after)["ttft_p99"] is None


def test_a_mark_holds_counts_of_present_signals_alone() -> None:
    """What left the page is in no mark, so nothing is computed across a gap."""
    sampler = seen(0.0, BEFORE)
    assert mark(sampler, 0.0).counters == {
        s.PREEMPTIONS: 5,
        s.GENERATION_LENGTH: 2,
        s.MAX_TOKENS_ASKED: 0,
        "finished": 11,
        "errors": 1,
        s.EMPTY: 2,
    }
    seen(1.0, RankSnapshot(), sampler)
    kept = mark(sampler, 1.0)
    assert (dict(kept.counters), dict(kept.histograms)) == ({}, {})


def test_a_counter_that_fell_gains_nothing() -> None:
    """An increase is never negative."""
    sampler = RankSampler(SETTINGS)
    window = Window(sampler, 1.0, Mark(1.0, {"x": 1.0}, {}), Mark(0.0, {"x": 5.0}, {}))
    assert window.increase("x") == 0
    assert window.increase("y") is None


@pytest.mark.parametrize(
    ("value", "objective", "expected"),
    [
        (None, 1.0, "unknown"),
        (None, None, "unknown"),
        (5.0, None, "ok"),
        (0.0, 1.0, "ok"),
        (0.79, 1.0, "ok"),
        (0.8, 1.0, "near"),
        (1.0, 1.0, "near"),
        (1.01, 1.0, "over"),
        (0.0, 0.0, "ok"),
        (0.01, 0.0, "over"),
    ],
)
def test_states(value: float | None, objective: float | None, expected: str) -> None:
    """Near from 80 % of the objective on, over only past it; an objective of zero has no near."""
    assert state(value, objective) == expected


def test_indicators_are_well_formed() -> None:
    """Unique, in a known unit, of a known signal, series and setting, and readable."""
    assert len(BY_ID) == len(INDICATORS)
    loaded = config.load(None, {}, {})
    for indicator in INDICATORS:
        assert indicator.unit in UNITS
        assert indicator.signal in s.BY_NAME
        assert indicator.series in BY_NAME
        assert indicator.alert.startswith("LLM")
        assert indicator.meaning.endswith(".")
        assert indicator.first_step.endswith(".")
        if isinstance(indicator.objective, str) and indicator.objective:
            assert isinstance(loaded.optional(indicator.objective), float)


def test_only_leading_series_are_called_leading() -> None:
    """The catalogue and the page agree on what moves before users feel it."""
    for indicator in INDICATORS:
        assert indicator.leading == BY_NAME[indicator.series].leading
