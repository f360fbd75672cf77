"""Every written page reads as what its manifest says it encodes, rank by rank and whatever its variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forewarn import signals as s
from forewarn.engines.vllm_table import PREFIXES
from forewarn.layout import Page, PageParser
from forewarn.snapshot import RankKey
from tests.tools.pages.manifest import PageTruth, RankTruth, Tally, written_pages
from tests.unit.engines.reading import lines_where, names_on, read, read_written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from forewarn.snapshot import RankSnapshot

PAGES = written_pages()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.file)
COUNTERS = {
    s.PREEMPTIONS,
    s.PROMPT_TOKENS,
    s.CACHED_TOKENS,
    s.GENERATION_TOKENS,
    s.CORRUPTED,
    s.SPEC_DRAFT,
    s.SPEC_ACCEPTED,
}
BY_MAX = {s.KV_USAGE, s.KV_CAPACITY}
AT_MOST_ONE = {"generated_at_most_1": s.GENERATION_LENGTH, "asked_at_most_1": s.MAX_TOKENS_ASKED}


def stem(page: PageTruth) -> str:
    """The page's name without its extension."""
    return page.file.rpartition(".")[0]


def ranks_of(page: PageTruth) -> dict[RankKey, list[RankTruth]]:
    """Entries of the manifest by rank; Ray shows several workers of one."""
    found: dict[RankKey, list[RankTruth]] = {}
    for rank in page.ranks:
        found.setdefault(RankKey(page.model or "", rank.engine), []).append(rank)
    return found


def joined_buckets(workers: Sequence[RankTruth]) -> dict[str, float]:
    """Of a rank's histograms that one bucket is read of, what is in it."""
    found = {
        signal: sum(worker.values[name] for worker in workers)
        for name, signal in AT_MOST_ONE.items()
        if name in workers[0].values
    }
    if s.STEPS in workers[0].histograms:
        found[s.STEPS] = sum(worker.histograms[s.STEPS].count for worker in workers)
    return found


def joined_values(workers: Sequence[RankTruth]) -> dict[str, float]:
    """Gauges and counters of a rank's workers, as one."""
    names = {name for worker in workers for name in worker.values if name not in AT_MOST_ONE}
    return {n: (max if n in BY_MAX else sum)(w.values[n] for w in workers) for n in names}


def joined_histograms(workers: Sequence[RankTruth]) -> dict[str, Tally]:
    """Count and sum of a rank's histograms over its workers, for those that are read as such."""
    return {
        name: Tally(sum(w.histograms[name].count for w in workers), sum(w.histograms[name].total for w in workers))
        for name in workers[0].histograms
        if name not in {*AT_MOST_ONE.values(), s.STEPS}
    }


def joined_reasons(workers: Sequence[Mapping[str, int] | None]) -> dict[str, float]:
    """Counts by reason over a rank's workers."""
    known = [reasons for reasons in workers if reasons]
    return {reason: sum(reasons.get(reason, 0) for reasons in known) for reasons in known for reason in reasons}


def tallies(rank: RankSnapshot) -> dict[str, Tally]:
    """Count and sum of every histogram read."""
    return {name: Tally(int(h.count), h.total) for name, h in rank.histograms.items()}


@each_page
def test_the_ranks_of_a_page_are_the_engines_it_shows(page: PageTruth) -> None:
    """Model and rank come from the labels, "0" where the page has no rank label, in numerical order."""
    assert list(read_written(stem(page))[1].ranks) == list(ranks_of(page))


@each_page
def test_gauges_and_counters_of_every_rank_are_those_encoded(page: PageTruth) -> None:
    """A rank has exactly the values that its page encodes; what the page lacks has no entry."""
    for key, workers in ranks_of(page).items():
        rank = read_written(stem(page))[1].ranks[key]
        values = joined_values(workers)
        counters = {name: values[name] for name in values if name in COUNTERS}
        assert dict(rank.counters) == {**counters, **joined_buckets(workers)}
        assert dict(rank.gauges) == {name: values[name] for name in values if name not in COUNTERS}


@each_page
def test_counts_by_reason_of_every_rank_are_those_encoded(page: PageTruth) -> None:
    """Finish reasons are per rank; rejections, which have no rank, count once, for the first."""
    for index, (key, workers) in enumerate(ranks_of(page).items()):
        expected = {s.FINISHED: joined_reasons([worker.finished for worker in workers])}
        expected[s.REJECTED] = joined_reasons([page.rejected]) if index == 0 else {}
        split = read_written(stem(page))[1].ranks[key].split
        assert {name: dict(split.get(name, {})) for name in expected} == expected


@each_page
def test_histograms_of_every_rank_are_those_encoded(page: PageTruth) -> None:
    """Counts and sums are the page's; without a per-request TPOT the gaps between outputs stand in for it."""
    for key, workers in ranks_of(page).items():
        expected = joined_histograms(workers)
        if s.ITL in expected:
            expected.setdefault(s.TPOT, expected[s.ITL])
        assert tallies(read_written(stem(page))[1].ranks[key]) == expected


@each_page
def test_start_time_and_merged_pages_are_recognised(page: PageTruth) -> None:
    """The start is the process's where it is shown; a page with ranks and no process is a merge."""
    snapshot = read_written(stem(page))[1]
    assert snapshot.start_time == page.start_time
    assert snapshot.multiprocess == (page.start_time is None and "engine=" in page.text)


@each_page
def test_every_signal_is_either_found_on_the_page_or_missing_for_a_reason(page: PageTruth) -> None:
    """Sources name a series of the page with its prefix, or say in words why there is none."""
    binding, snapshot = read_written(stem(page))
    for signal, source in binding.sources.items():
        rank_has = any(signal in (*r.gauges, *r.counters, *r.split, *r.histograms) for r in snapshot.ranks.values())
        assert bool(source.series) == (rank_has or (signal == s.START_TIME and page.start_time is not None))
        assert source.series or source.reason
        if source.series and signal != s.START_TIME:
            bare = source.series.removeprefix(page.prefix or "")
            assert source.series != bare
            assert {bare, bare + "_bucket"} & names_on(stem(page))


@each_page
def test_estimates_are_told_from_what_is_meant(page: PageTruth) -> None:
    """TPOT is exact only as a mean per request, cached tokens only from the counter that has every source."""
    sources = read_written(stem(page))[0].sources
    if page.ranks and sources[s.TPOT].series:
        assert sources[s.TPOT].exact == (s.TPOT in page.ranks[0].histograms)
    if page.ranks and sources[s.CACHED_TOKENS].series:
        assert sources[s.CACHED_TOKENS].exact == ("prompt_tokens_cached_total" in names_on(stem(page)))
    assert all(source.reason for source in sources.values() if not source.exact)


@each_page
def test_the_filtered_page_reads_as_the_same_gauges(page: PageTruth) -> None:
    """What a filter on the fast names leaves of a page gives the gauges of the whole page, capacity aside."""
    binding, whole = read_written(stem(page))
    wanted = tuple(name + mark for name in binding.fast_names for mark in "{ ")
    filtered = lines_where(page.text, lambda line: line.startswith(wanted))
    fast_binding, fast = read(filtered, page.content_type, full=False)
    assert fast_binding.fast_names == binding.fast_names
    assert not fast.full
    for key, rank in fast.ranks.items():
        kept = {name: value for name, value in whole.ranks[key].gauges.items() if name != s.KV_CAPACITY}
        assert dict(rank.gauges) == kept
    assert fast.ranks.keys() == whole.ranks.keys()


@each_page
def test_the_slots_of_a_binding_are_all_it_needs(page: PageTruth) -> None:
    """Reading again with every other value spoiled gives the same snapshot, so unwatched lines may be skipped."""
    parsed = PageParser().parse(page.text.encode(), page.content_type)
    binding, snapshot = read_written(stem(page))
    values = [value if slot in binding.slots else float("nan") for slot, value in enumerate(parsed.values)]
    assert binding.read(Page(parsed.layout, values), full=True) == snapshot


def test_every_prefix_of_the_table_has_a_page() -> None:
    """No form of the prefix is claimed without a page that shows it."""
    assert {page.prefix for page in PAGES} == {*PREFIXES, None}
