"""Every row of vLLM's name table, on the page just inside its release boundary and on the one just outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from forewarn import signals as s
from forewarn.engines.vllm_table import FAST_SIGNALS, ROWS
from forewarn.layout import PageParser
from tests.unit.engines.reading import TEXT, names_on, read, read_written, truth

if TYPE_CHECKING:
    from forewarn.engines.base import Row

_MISSING = ""


@dataclass(frozen=True, slots=True)
class Boundary:
    """One side of a row: the page that shows its series, the neighbour that does not, and what is used on each."""

    signal: str
    source: str
    side: str
    inside: str
    outside: str
    used_inside: str
    used_outside: str

    def __str__(self) -> str:
        """The test's name."""
        return f"{self.source}-{self.side}-{self.inside}"


def since(signal: str, source: str, inside: str, outside: str, before: str = _MISSING, used: str = "") -> Boundary:
    """The series appears with `inside`; `before` is used on the page outside, `used` inside if not the row itself."""
    return Boundary(signal, source, "since", inside, outside, used or source, before)


def until(signal: str, source: str, inside: str, outside: str, after: str = _MISSING, used: str = "") -> Boundary:
    """The series is last shown with `inside`; `after` is used on the page outside."""
    return Boundary(signal, source, "until", inside, outside, used or source, after)


_GAP, _OLD_GAP, _MEAN = (
    "inter_token_latency_seconds",
    "time_per_output_token_seconds",
    "request_time_per_output_token_seconds",
)
_KV, _OLD_KV = "kv_cache_usage_perc", "gpu_cache_usage_perc"
_CACHED, _HITS = "prompt_tokens_cached_total", "prefix_cache_hits_total"
_QUEUE, _OLD_QUEUE = "request_queue_time_seconds", "time_in_queue_requests"

BOUNDARIES = (
    until(s.SWAPPED, "num_requests_swapped", "0.8.2-v0", "0.8.3-v0"),
    until(s.SWAPPED, "num_requests_swapped", "0.8.3-v0-show-hidden", "0.8.3-v1"),
    until(s.SWAPPED, "num_requests_swapped", "0.7.3-v0", "0.7.3-v1"),
    since(s.KV_USAGE, _KV, "0.9.2-v1", "0.9.1-v1", before=_OLD_KV),
    since(s.KV_USAGE, _KV, "0.9.2-v1", "0.9.2-v0", before=_OLD_KV),
    until(s.KV_USAGE, _OLD_KV, "0.10.2-v1", "0.11.0-v1", used=_KV, after=_KV),
    until(s.KV_USAGE, _OLD_KV, "0.10.2-v0", "0.11.0-v1", after=_KV),
    until(s.KV_USAGE, _OLD_KV, "0.11.2-v1-show-hidden", "0.12.0-v1-show-hidden", used=_KV, after=_KV),
    since(s.PREEMPTIONS, "num_preemptions_total", "0.4.3-v0", "0.4.2-v0"),
    since(s.PREEMPTIONS, "num_preemptions_total", "0.8.0-v1", "0.7.3-v1"),
    since(s.PROMPT_TOKENS, "prompt_tokens_total", "0.3.1-v0", "0.3.0-v0"),
    since(s.GENERATION_TOKENS, "generation_tokens_total", "0.3.1-v0", "0.3.0-v0"),
    since(s.CACHED_TOKENS, _CACHED, "0.16.0-v1", "0.15.1-v1", before=_HITS),
    since(s.CACHED_TOKENS, _HITS, "0.9.2-v1", "0.9.1-v1"),
    since(s.TTFT, "time_to_first_token_seconds", "0.3.1-v0", "0.3.0-v0"),
    since(s.TPOT, _MEAN, "0.11.0-v1", "0.10.2-v1", before=_OLD_GAP),
    since(s.TPOT, _OLD_GAP, "0.3.1-v0", "0.3.0-v0"),
    until(s.TPOT, _OLD_GAP, "0.11.2-v1", "0.12.0-v1", used=_MEAN, after=_MEAN),
    since(s.TPOT, _GAP, "0.10.2-v1", "0.10.1-v1", used=_OLD_GAP, before=_OLD_GAP),
    since(s.ITL, _GAP, "0.10.2-v1", "0.10.1-v1", before=_OLD_GAP),
    since(s.ITL, _GAP, "0.10.2-v0", "0.10.1-v0", before=_OLD_GAP),
    since(s.ITL, _OLD_GAP, "0.3.1-v0", "0.3.0-v0"),
    until(s.ITL, _OLD_GAP, "0.11.2-v1", "0.12.0-v1", used=_GAP, after=_GAP),
    since(s.E2E, "e2e_request_latency_seconds", "0.3.1-v0", "0.3.0-v0"),
    since(s.E2E, "e2e_request_latency_seconds", "0.7.3-v1", "0.7.2-v1"),
    since(s.QUEUE_TIME, _QUEUE, "0.6.4-v0", "0.6.3-v0"),
    since(s.QUEUE_TIME, _QUEUE, "0.7.3-v1", "0.7.2-v1"),
    since(s.QUEUE_TIME, _OLD_QUEUE, "0.6.4-v0", "0.6.3-v0", used=_QUEUE),
    until(s.QUEUE_TIME, _OLD_QUEUE, "0.8.2-v0", "0.8.3-v0", used=_QUEUE, after=_QUEUE),
    until(s.QUEUE_TIME, _OLD_QUEUE, "0.8.3-v0-show-hidden", "0.8.3-v1", used=_QUEUE, after=_QUEUE),
    since(s.GENERATION_LENGTH, "request_generation_tokens", "0.4.2-v0", "0.4.1-v0"),
    since(s.MAX_TOKENS_ASKED, "request_params_max_tokens", "0.6.4-v0", "0.6.3-v0"),
    since(s.MAX_TOKENS_ASKED, "request_params_max_tokens", "0.8.0-v1", "0.7.3-v1"),
    since(s.STEPS, "iteration_tokens_total", "0.6.4-v0", "0.6.3-v0"),
    since(s.STEPS, "iteration_tokens_total", "0.7.3-v1", "0.7.2-v1"),
    since(s.FINISHED, "request_success_total", "0.4.2-v0", "0.4.1-v0"),
    since(s.FINISHED, "request_success_total", "0.7.2-v1", "0.7.1-v1"),
    since(s.REJECTED, "admission_rejections_total", "0.32.0-v1", "0.31.0-v1"),
    since(s.CORRUPTED, "corrupted_requests_total", "0.30.0-v1-nan-counting", "0.30.0-v1"),
    since(s.SPEC_DRAFT, "spec_decode_num_draft_tokens_total", "0.6.6-v0-spec-decode", "0.6.6-v0"),
    since(s.SPEC_DRAFT, "spec_decode_num_draft_tokens_total", "0.8.4-v1-spec-decode", "0.8.4-v1"),
    since(s.SPEC_ACCEPTED, "spec_decode_num_accepted_tokens_total", "0.6.6-v0-spec-decode", "0.6.6-v0"),
    since(s.SPEC_ACCEPTED, "spec_decode_num_accepted_tokens_total", "0.8.4-v1-spec-decode", "0.8.4-v1"),
)
NO_PAGE_AT_THE_RELEASE = {
    ("num_requests_swapped", "until"): "hidden from 0.8.3 on: the page of 0.8.3 with hidden series is the last",
    (_OLD_QUEUE, "until"): "hidden from 0.8.3 on: the page of 0.8.3 with hidden series is the last",
    ("corrupted_requests_total", "since"): "a feature to switch on: pages with and without it stand in",
    ("spec_decode_num_draft_tokens_total", "since"): "a feature to switch on: pages with and without it stand in",
    ("spec_decode_num_accepted_tokens_total", "since"): "a feature to switch on: pages with and without it stand in",
}
each_boundary = pytest.mark.parametrize("boundary", BOUNDARIES, ids=str)


def shown(stem: str, source: str) -> bool:
    """Whether a written page has the series."""
    return bool({source, source + "_bucket"} & names_on(stem))


def used(stem: str, signal: str) -> str:
    """The series a signal is read from on a written page, without prefix; "" when it is missing."""
    return read_written(stem)[0].sources[signal].series.removeprefix(truth(stem).prefix or "")


@each_boundary
def test_a_row_is_on_one_side_of_its_boundary_and_not_on_the_other(boundary: Boundary) -> None:
    """The release inside shows the series, its neighbour outside does not."""
    assert (shown(boundary.inside, boundary.source), shown(boundary.outside, boundary.source)) == (True, False)


@each_boundary
def test_a_signal_is_read_from_the_right_series_on_both_sides(boundary: Boundary) -> None:
    """Across the boundary the signal moves to the series meant for it, or is missing."""
    assert used(boundary.inside, boundary.signal) == boundary.used_inside
    assert used(boundary.outside, boundary.signal) == boundary.used_outside


@each_boundary
def test_a_row_stands_in_when_the_rows_before_it_are_gone(boundary: Boundary) -> None:
    """With the preferred series taken off the page, the row's own is what the signal is read from."""
    page = truth(boundary.inside)
    preferred = []
    for row in ROWS:
        if (row.signal, row.source) == (boundary.signal, boundary.source):
            break
        if row.signal == boundary.signal:
            preferred.append(f"{page.prefix}{row.source}")
    text = "".join(line for line in page.text.splitlines(keepends=True) if not line.startswith(tuple(preferred)))
    assert read(text)[0].sources[boundary.signal].series == f"{page.prefix}{boundary.source}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.since or row.until], ids=lambda row: row.source)
def test_every_bounded_row_has_both_sides_tested(row: Row) -> None:
    """A row with a first or last release has a boundary here, at that release unless a reason is given."""
    for side, release in (("since", row.since), ("until", row.until)):
        if release is None:
            continue
        found = [b for b in BOUNDARIES if (b.signal, b.source, b.side) == (row.signal, row.source, side)]
        at_release = [b for b in found if truth(b.inside).version == release]
        assert found
        assert at_release or (row.source, side) in NO_PAGE_AT_THE_RELEASE


def test_unbounded_rows_are_on_the_oldest_and_the_newest_page() -> None:
    """A row without releases is a series that every release read shows."""
    for row in ROWS:
        if row.since is None and row.until is None:
            assert shown("0.2.7-v0", row.source)
            assert shown("0.33.0-v1", row.source)


def test_a_release_nobody_has_seen_loses_only_what_it_renamed() -> None:
    """Unknown families are ignored; the renamed gauge is missing and says which names were looked for."""
    sources = read_written("0.40.0-v1-future")[0].sources
    newest = read_written("0.33.0-v1")[0].sources
    lost = {signal for signal, source in newest.items() if source.series and not sources[signal].series}
    assert lost == {s.KV_USAGE}
    assert sources[s.KV_USAGE].reason == f"no {_KV} on the page; no {_OLD_KV} on the page"


def test_created_series_are_never_read() -> None:
    """The `_created` twins of counters and histograms are no source of anything."""
    page = truth("0.32.0-v1")
    assert "_created" in page.text
    binding, _ = read_written("0.32.0-v1")
    layout = PageParser().parse(page.text.encode(), TEXT).layout
    assert not [layout.series[slot].name for slot in binding.slots if layout.series[slot].name.endswith("_created")]


def test_fast_names_are_the_gauges_that_move_within_a_second() -> None:
    """Only the sample names of gauges that the page shows are worth polling often."""
    binding, _ = read_written("0.8.2-v0")
    assert binding.fast_names == (
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "vllm:num_requests_swapped",
        "vllm:gpu_cache_usage_perc",
    )
    assert {row.kind for row in ROWS if row.signal in FAST_SIGNALS} == {"gauge"}
    assert read_written("0.32.0-v1-no-log-stats")[0].fast_names == ()


def test_a_deployments_own_bounds_are_read_from_its_page() -> None:
    """Bucket bounds come from the page, in seconds, whatever the release's defaults are."""
    rank = next(iter(read_written("0.32.0-v1-custom-buckets")[1].ranks.values()))
    usual = next(iter(read_written("0.32.0-v1")[1].ranks.values()))
    bounds = rank.histograms[s.TTFT].bounds
    assert bounds != usual.histograms[s.TTFT].bounds
    lines = truth("0.32.0-v1-custom-buckets").text.splitlines()
    edges = [line.partition('le="')[2].partition('"')[0] for line in lines if "first_token_seconds_bucket" in line]
    assert bounds == tuple(float(edge) for edge in edges)
