"""The samplers of one rank together: what is sampled, what is derived, and what a lost signal leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forewarn import signals as s
from forewarn.catalogue import queue_pressure
from forewarn.sampling.rank import QUEUE_PRESSURE, SAMPLE_BOUNDS, RankSampler, SamplerSettings, raw_counts
from forewarn.snapshot import RankSnapshot
from tests.unit.sampling.builders import of

SETTINGS = SamplerSettings(60.0, 20.0, 6.0, {"ttft": 1.0, "tpot": 0.1, "e2e": 60.0})


def see(sampler: RankSampler, now: float, rank: RankSnapshot, *, doubtful: bool = False) -> None:
    """One full poll."""
    sampler.see_counts(now, rank)
    sampler.see_gauges(now, 1.0, rank.gauges, doubtful=doubtful)


def gauges(running: float, waiting: float) -> dict[str, float]:
    """A batch and a queue."""
    return {s.RUNNING: running, s.WAITING: waiting}


def test_pressure_of_an_idle_engine_counts_as_one_running() -> None:
    """A queue in front of nothing running is not infinite."""
    assert (queue_pressure(4, 0), queue_pressure(4, 8), queue_pressure(0, 0)) == (4, 0.5, 0)


def test_nothing_is_sampled_that_the_engine_does_not_show() -> None:
    """A lost gauge makes no sample of zero, and queue pressure needs both of its own."""
    sampler = RankSampler(SETTINGS)
    sampler.see_gauges(0.0, 1.0, {s.RUNNING: 3.0}, doubtful=False)
    assert dict(sampler.sampled()) == {}
    assert all(sampled.histogram() is None for sampled in sampler.samples.values())
    sampler.see_gauges(1.0, 1.0, {s.WAITING: 3.0}, doubtful=False)
    assert dict(sampler.sampled()) == {s.WAITING: 3.0}


def test_each_sampled_signal_has_its_peak_and_its_histogram() -> None:
    """Waiting, KV usage and queue pressure are observed at every poll."""
    sampler = RankSampler(SETTINGS)
    sampler.see_gauges(0.0, 1.0, {**gauges(2, 6), s.KV_USAGE: 0.9}, doubtful=False)
    sampler.see_gauges(1.0, 1.0, {**gauges(2, 0), s.KV_USAGE: 0.2}, doubtful=False)
    expected = {s.WAITING: 6, s.KV_USAGE: 0.9, QUEUE_PRESSURE: 3}
    assert {name: peak.value(1.0) for name, peak in sampler.peaks.items()} == expected
    for name in SAMPLE_BOUNDS:
        histogram = sampler.samples[name].histogram()
        assert histogram is not None
        assert histogram.count == 2


def test_a_peak_does_not_wait_for_its_weight() -> None:
    """A poll that comes early counts for no time and its value may still be the peak."""
    sampler = RankSampler(SETTINGS)
    sampler.see_gauges(0.0, 1.0, gauges(1, 1), doubtful=False)
    sampler.see_gauges(0.1, 1.0, gauges(1, 50), doubtful=False)
    histogram = sampler.samples[s.WAITING].histogram()
    assert histogram is not None
    assert (histogram.count, sampler.peaks[s.WAITING].value(0.1)) == (1, 50)


@pytest.mark.parametrize(
    ("running", "waiting", "doubtful", "stalls"),
    [(1, 0, False, True), (1, 0, True, False), (0, 1, True, True), (0, 1, False, True), (0, 0, False, False)],
)
def test_what_counts_as_work(running: float, waiting: float, doubtful: bool, stalls: bool) -> None:  # noqa: FBT001  table
    """A running count that may stick is no sign of work; a queue always is."""
    sampler = RankSampler(SETTINGS)
    rank = RankSnapshot(gauges(running, waiting), {s.GENERATION_TOKENS: 9.0})
    see(sampler, 0.0, rank, doubtful=doubtful)
    see(sampler, 2.0, rank, doubtful=doubtful)
    assert sampler.progress.stalled(100.0) == stalls


@pytest.mark.parametrize(
    "moved",
    [
        RankSnapshot(counters={s.PROMPT_TOKENS: 1.0}),
        RankSnapshot(counters={s.GENERATION_TOKENS: 1.0}),
        RankSnapshot(counters={s.STEPS: 1.0}),
        RankSnapshot(histograms={s.TTFT: of(0, 1, 1)}),
        RankSnapshot(histograms={s.E2E: of(0, 1, 1)}),
    ],
)
def test_any_token_step_or_request_is_progress(moved: RankSnapshot) -> None:
    """Engines differ in what they show; each of these moves only when the engine works."""
    sampler = RankSampler(SETTINGS)
    see(sampler, 0.0, RankSnapshot())
    see(sampler, 2.0, moved)
    assert sampler.progress.last == 2.0


def test_preemptions_are_no_progress() -> None:
    """An engine that only evicts gets nowhere."""
    sampler = RankSampler(SETTINGS)
    see(sampler, 0.0, RankSnapshot(counters={s.PREEMPTIONS: 1.0}))
    see(sampler, 2.0, RankSnapshot(counters={s.PREEMPTIONS: 9.0}))
    assert sampler.progress.last is None


def served(ttft: float, lengths: float, asked: float, stop: float, waiting: float = 0) -> RankSnapshot:
    """A rank after `ttft` first tokens and requests of at most one token."""
    return RankSnapshot(
        {**gauges(0, waiting)},
        {s.GENERATION_TOKENS: ttft * 3, s.GENERATION_LENGTH: lengths, s.MAX_TOKENS_ASKED: asked},
        {s.FINISHED: {"stop": stop, "length": 1.0}},
        {s.TTFT: of(ttft / 2, ttft, ttft, bounds=(1.0, 2.0))},
    )


def test_derived_counts_follow_their_inputs_and_survive_a_restart() -> None:
    """Empty outputs, arrivals and requests over budget go on from where they stood."""
    sampler = RankSampler(SETTINGS)
    see(sampler, 0.0, served(10, 4, 1, 8, waiting=2))
    assert (sampler.empty.value, sampler.arrivals.value, sampler.violations["ttft"].value) == (3, 12, 5)
    sampler.restart()
    see(sampler, 2.0, served(4, 1, 0, 3))
    assert (sampler.empty.value, sampler.arrivals.value, sampler.violations["ttft"].value) == (4, 12 + 4, 7)
    assert sampler.counters[s.GENERATION_TOKENS].value == 30 + 12
    assert sampler.split[s.FINISHED]["stop"].value == 11


def test_a_lost_input_stops_what_is_derived_from_it_where_it_stands() -> None:
    """Nothing is derived from a histogram that is not on the page, and nothing falls."""
    sampler = RankSampler(SETTINGS)
    see(sampler, 0.0, served(10, 4, 1, 8))
    see(sampler, 2.0, RankSnapshot(gauges(0, 50), {s.GENERATION_TOKENS: 31.0}))
    assert (sampler.empty.value, sampler.arrivals.value, sampler.violations["ttft"].value) == (3, 10, 5)
    assert s.TTFT not in sampler.present


def test_nothing_is_derived_without_inputs() -> None:
    """Absent is absent: no arrival, empty output or violation is claimed."""
    sampler = RankSampler(SETTINGS)
    see(sampler, 0.0, RankSnapshot(gauges(1, 1)))
    derived = (sampler.empty.value, sampler.arrivals.value, *(v.value for v in sampler.violations.values()))
    assert set(derived) == {None}


def test_a_blank_page_leaves_no_value_and_no_stall() -> None:
    """What is not shown is not remembered as present, and what was counted stays for when it is back."""
    sampler = RankSampler(SETTINGS)
    see(sampler, 0.0, served(10, 4, 1, 8, waiting=2))
    sampler.blank()
    assert (dict(sampler.gauges), sampler.present, dict(sampler.sampled())) == ({}, frozenset(), {})
    assert not sampler.progress.stalled(1000.0)
    assert sampler.arrivals.value == 12


def test_raw_counts_are_all_that_begins_anew_with_a_process() -> None:
    """Counters, sums over reasons and histogram counts; no gauge, and no count of rare events."""
    page = served(10, 4, 1, 8)
    rare = replace(
        page, counters={**page.counters, s.PREEMPTIONS: 1.0}, split={**page.split, s.REJECTED: {"queue": 1.0}}
    )
    assert raw_counts(rare) == {
        s.GENERATION_TOKENS: 30,
        s.FINISHED: 9,
        s.TTFT: 10,
    }
