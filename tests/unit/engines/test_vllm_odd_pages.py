"""Odd pages: what cannot be trusted is missing, the rest is read, and nothing is counted twice."""

from __future__ import annotations

import math

import pytest

from forewarn import signals as s
from forewarn.engines.vllm_cache_info import capacity_tokens
from forewarn.snapshot import RankKey
from tests.unit.engines.reading import OPEN, lines_where, only_rank, read, truth

PAGE = truth("0.32.0-v1").text
RUNNING = 'vllm:num_requests_running{engine="0",model_name="org/tiny-8b"} 7.0\n'
TTFT = "vllm:time_to_first_token_seconds"
LABELS = 'engine="0",model_name="m"'


def changed(old: str, new: str) -> str:
    """The page with one text replaced, which must be on it."""
    assert old in PAGE
    return PAGE.replace(old, new)


def small(*lines: str, labels: str = LABELS) -> str:
    """A page of untyped lines; `{}` in a line stands for the labels, `,` included after it if more follow."""
    return "".join(line.replace("{}", "{" + labels + "}") + "\n" for line in lines)


def histogram(*counts: str, total: str = "4.5", edges: tuple[str, ...] = ("0.5", "1.0", "+Inf")) -> str:
    """A page with one TTFT histogram of `counts`, one per edge."""
    buckets = [f'{TTFT}_bucket{{{LABELS},le="{e}"}} {n}' for e, n in zip(edges, counts, strict=True)]
    return "\n".join(["# TYPE " + TTFT + " histogram", *buckets, f"{TTFT}_sum{{{LABELS}}} {total}", ""])


def test_a_page_that_repeats_a_series_does_not_count_it_twice() -> None:
    """Two lines of one identity make the signal missing, with the reason; others are read."""
    binding, snapshot = read(changed(RUNNING, RUNNING * 2))
    (rank,) = snapshot.ranks.values()
    assert s.RUNNING not in rank.gauges
    assert binding.sources[s.RUNNING].reason == "num_requests_running is on the page twice with the same labels"
    assert rank.gauges[s.WAITING] == 3
    assert "vllm:num_requests_running" not in binding.fast_names


def test_a_repeated_bucket_makes_its_histogram_missing() -> None:
    """A histogram with a line twice is not added up."""
    line = next(line for line in PAGE.splitlines(keepends=True) if line.startswith(TTFT + "_bucket"))
    assert s.TTFT not in only_rank(changed(line, line * 2)).histograms


def test_a_changed_type_makes_a_signal_missing() -> None:
    """A series of a known name and another type is something else."""
    text = changed("# TYPE vllm:num_preemptions_total counter", "# TYPE vllm:num_preemptions_total gauge")
    binding, snapshot = read(text)
    assert all(s.PREEMPTIONS not in rank.counters for rank in snapshot.ranks.values())
    assert binding.sources[s.PREEMPTIONS].reason == "num_preemptions_total is a gauge, expected a counter"


def test_series_without_a_type_are_read() -> None:
    """A proxy may strip comments; names alone then decide."""
    bare = "".join(line for line in PAGE.splitlines(keepends=True) if not line.startswith("#"))
    assert read(bare)[1] == read(PAGE)[1]


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1.0"])
def test_a_gauge_that_is_no_usable_number_is_absent(value: str) -> None:
    """Not a number, infinite or negative is absent, and other gauges stay."""
    rank = only_rank(changed(RUNNING, RUNNING.replace("7.0", value)))
    assert s.RUNNING not in rank.gauges
    assert rank.gauges[s.WAITING] == 3


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-3.0"])
def test_a_sum_of_parts_is_absent_when_one_part_is_unusable(value: str) -> None:
    """A count over several label values is not exported short of one of them."""
    text = small(
        f'vllm:num_requests_waiting{{{LABELS},pool="a"}} 5', f'vllm:num_requests_waiting{{{LABELS},pool="b"}} {value}'
    )
    assert s.WAITING not in only_rank(text).gauges
    assert only_rank(text.replace(value, "2")).gauges[s.WAITING] == 7


def test_processes_that_show_the_same_gauge_count_once() -> None:
    """Series that differ in `pid` alone show one thing: the largest usable is taken."""
    lines = [
        f'vllm:num_requests_waiting{{{LABELS},pid="{pid}"}} {value}' for pid, value in ((1, 5), (2, 3), (3, "NaN"))
    ]
    assert only_rank(small(*lines)).gauges[s.WAITING] == 5


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1.0"])
@pytest.mark.parametrize("place", [0, 1, 2, "sum"])
def test_a_histogram_with_an_unusable_part_is_absent(place: int | str, value: str) -> None:
    """One bucket or sum that is not a number, infinite or negative makes the histogram absent."""
    counts = ["1.0", "2.0", "3.0"]
    if isinstance(place, int):
        counts[place] = value
    assert s.TTFT not in only_rank(histogram(*counts, total=value if place == "sum" else "4.5")).histograms


def test_buckets_that_are_not_cumulative_make_a_histogram_absent() -> None:
    """A count below that of a smaller edge cannot be."""
    assert s.TTFT in only_rank(histogram("1", "2", "3")).histograms
    assert s.TTFT not in only_rank(histogram("2", "1", "3")).histograms
    assert s.TTFT not in only_rank(histogram("1", "4", "3")).histograms


def test_bounds_are_sorted_whatever_the_order_on_the_page() -> None:
    """Edges in another order read as the same histogram."""
    read_back = only_rank(histogram("3", "1", "2", edges=("+Inf", "0.5", "1.0"))).histograms[s.TTFT]
    assert (read_back.bounds, read_back.counts) == ((0.5, 1.0, math.inf), (1.0, 2.0, 3.0))


def test_a_histogram_of_one_bucket_is_read() -> None:
    """Only +Inf is little, and is the count."""
    assert only_rank(histogram("3", edges=("+Inf",))).histograms[s.TTFT].counts == (3.0,)


@pytest.mark.parametrize("edge", ["", "fast", "NaN", "-Inf"])
def test_an_edge_that_is_no_number_makes_the_histogram_missing(edge: str) -> None:
    """An edge that cannot be one makes the histogram missing, with the reason."""
    binding, snapshot = read(histogram("1", "2", "3", edges=("0.5", edge, "+Inf")))
    assert all(s.TTFT not in rank.histograms for rank in snapshot.ranks.values())
    assert binding.sources[s.TTFT].reason == "time_to_first_token_seconds has no usable buckets"


@pytest.mark.parametrize("lost", ['_bucket{engine="0",le="+Inf"', "_sum{"])
def test_a_histogram_without_its_total_is_missing(lost: str) -> None:
    """Without the bucket of all, or the sum, the histogram is not whole; its count is not needed."""
    assert TTFT + lost in PAGE
    without = lines_where(PAGE, lambda line: not line.startswith(TTFT + lost))
    assert s.TTFT not in only_rank(without).histograms
    no_count = lines_where(PAGE, lambda line: not line.startswith(TTFT + "_count"))
    assert only_rank(no_count) == only_rank(PAGE)


def test_parts_of_a_histogram_are_added_under_the_edges_they_share() -> None:
    """Two workers of one rank with other bounds join at common edges; a part without its sum spoils the whole."""
    one = histogram("1", "2", "3")
    two = one.replace(LABELS, LABELS + ',WorkerId="b"').replace('le="0.5"', 'le="0.7"').partition("\n")[2]
    joined = only_rank(one + two).histograms[s.TTFT]
    assert (joined.bounds, joined.counts, joined.total) == ((1.0, math.inf), (4.0, 6.0), 9.0)
    no_sum = lines_where(one + two, lambda line: "_sum" not in line or "WorkerId" not in line)
    assert s.TTFT not in only_rank(no_sum).histograms


LENGTHS = "vllm:request_generation_tokens"


def test_of_short_answers_only_their_bucket_is_read() -> None:
    """Requests of at most one token are a count, whatever the other buckets say."""
    text = histogram("1", "2", "3").replace(TTFT, LENGTHS)
    assert only_rank(text).counters == {s.GENERATION_LENGTH: 2.0}
    two = text + text.replace(LABELS, LABELS + ',WorkerId="b"').partition("\n")[2]
    assert only_rank(two).counters == {s.GENERATION_LENGTH: 4.0}


@pytest.mark.parametrize("edges", [("2.0", "5.0", "+Inf"), ("0.5", "1.5", "+Inf"), ("0.5", "NaN", "+Inf")])
def test_without_an_edge_at_one_token_short_answers_are_missing(edges: tuple[str, ...]) -> None:
    """Custom buckets give no count rather than zero, and so does a page where one of two workers has such."""
    whole, odd = (
        histogram("1", "2", "3", edges=found).replace(TTFT, LENGTHS) for found in (("0.5", "1", "+Inf"), edges)
    )
    other = odd.replace(LABELS, LABELS + ',WorkerId="b"').partition("\n")[2]
    for text in (odd, whole + other):
        binding, snapshot = read(text)
        assert all(s.GENERATION_LENGTH not in rank.counters for rank in snapshot.ranks.values())
        assert binding.sources[s.GENERATION_LENGTH].reason == "request_generation_tokens has no bucket up to 1"


def test_series_without_a_model_belong_to_a_nameless_one_and_ranks_stay_apart() -> None:
    """No model label gives the model "", and two ranks are not added up."""
    text = small('vllm:num_requests_running{engine="0"} 1', 'vllm:num_requests_running{engine="1"} 2')
    ranks = read(text)[1].ranks
    assert {key: rank.gauges[s.RUNNING] for key, rank in ranks.items()} == {RankKey("", "0"): 1, RankKey("", "1"): 2}
    assert read(small("vllm:num_requests_running 4"))[1].ranks[RankKey("", "0")].gauges[s.RUNNING] == 4


def test_a_series_without_a_rank_counts_once_on_a_page_with_ranks() -> None:
    """What a front end counts for all its ranks goes to the first rank of its model."""
    text = small("vllm:num_requests_running{} 1", 'vllm:admission_rejections_total{model_name="m",reason="q"} 5')
    text += small("vllm:num_requests_running{} 2", labels='engine="1",model_name="m"')
    first, second = read(text)[1].ranks.values()
    assert (dict(first.split[s.REJECTED]), dict(second.split)) == ({"q": 5}, {})


def test_a_series_of_a_model_without_ranks_is_nobodys() -> None:
    """On a page with ranks, a count of a model that has none is not added to another model's."""
    text = small("vllm:num_preemptions_total{} 1", 'vllm:num_preemptions_total{model_name="other"} 7')
    assert only_rank(text).counters[s.PREEMPTIONS] == 1
    lone = small("vllm:num_requests_running{} 1", 'vllm:num_preemptions_total{model_name="other"} 7')
    binding, _ = read(lone)
    assert binding.sources[s.PREEMPTIONS].series == ""
    assert only_rank(lone).counters == {}


def test_two_models_stay_apart() -> None:
    """Each model of a page is a rank of its own, with and without rank labels."""
    for labels in ('model_name="{}"', 'engine="0",model_name="{}"'):
        text = "".join(small("vllm:num_requests_running{} 3", labels=labels.format(model)) for model in "ab")
        assert list(read(text)[1].ranks) == [RankKey("a", "0"), RankKey("b", "0")]


def test_ranks_are_in_numerical_order() -> None:
    """Rank 10 comes after rank 9, so that the first rank is the lowest."""
    text = "".join(small("vllm:num_requests_running{} 3", labels=f'engine="{n}",model_name="m"') for n in (10, 9, 0))
    assert [key.engine for key in read(text)[1].ranks] == ["0", "9", "10"]


def test_a_page_without_series_has_no_rank() -> None:
    """An empty page, or one of the process alone, binds and shows nothing."""
    for text in ("", "# nothing\n", "process_start_time_seconds 5\npython_info 1\n"):
        binding, snapshot = read(text)
        assert not snapshot.ranks
        assert binding.fast_names == ()
        assert not [name for name, source in binding.sources.items() if source.series and name != s.START_TIME]


@pytest.mark.parametrize("value", ["NaN", "0.0", "-5.0", "+Inf"])
def test_a_start_time_that_cannot_be_one_is_unknown(value: str) -> None:
    """The start of a process is a positive, finite time."""
    assert read(f"process_start_time_seconds {value}\n")[1].start_time is None
    assert read("process_start_time_seconds 5.5\n")[1].start_time == 5.5


def test_a_reason_whose_count_is_no_number_is_absent() -> None:
    """The other reasons are read."""
    line = 'vllm:request_success_total{engine="0",finished_reason="stop",model_name="org/tiny-8b"} 35.0'
    finished = only_rank(changed(line, line.replace("35.0", "NaN"))).split[s.FINISHED]
    assert (finished.get("stop"), finished["length"]) == (None, 19)


def test_hostile_label_values_are_kept_as_they_are() -> None:
    """Quotes, braces, line breaks and other scripts in a model's name are part of the name."""
    name = 'a"b}\n{c\\d, e="1" 模型 #'
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    text = small("vllm:num_requests_running{} 3", labels=f'model_name="{escaped}"')
    assert list(read(text)[1].ranks) == [RankKey(name, "0")]


def test_a_page_that_shows_everything_under_two_prefixes_is_read_under_one() -> None:
    """An agent that passes on and renames must not double every count."""
    for renamed in ("ray_vllm:", "kserve_vllm:", "ray_vllm_"):
        twice = PAGE + "".join(
            line.replace("vllm:", renamed).replace("{", '{NodeAddress="h",', 1)
            for line in PAGE.splitlines(keepends=True)
            if line.startswith("vllm:")
        )
        assert read(twice)[1] == read(PAGE)[1]


def test_openmetrics_and_text_read_alike() -> None:
    """The same engine read through its Rust front end's OpenMetrics gives values of the same kind."""
    page = truth("0.33.0-v1-rust")
    with_unknown = page.text.replace("# EOF", "# TYPE vllm:brand_new gauge\nvllm:brand_new 1\n# EOF")
    assert read(with_unknown, OPEN)[1] == read(page.text, OPEN)[1]


def test_capacity_is_blocks_times_their_size_over_the_ranks_of_the_page() -> None:
    """The number of blocks is a sum over ranks; a size in tokens is a rank's own and wins."""
    info = {"num_gpu_blocks": "100", "block_size": "16"}
    assert capacity_tokens([info]) == 1600
    assert capacity_tokens([{**info, "engine": "0"}, {**info, "engine": "1"}]) == 800
    assert capacity_tokens([{**info, "kv_cache_size_tokens": "999"}]) == 999


@pytest.mark.parametrize("blocks", ["None", "", "0", "-1", "1.5", "abc", "9" * 400])
def test_capacity_that_the_labels_do_not_tell_is_unknown(blocks: str) -> None:
    """Anything but a positive whole number is no capacity, and never zero or infinite."""
    assert capacity_tokens([{"num_gpu_blocks": blocks, "block_size": "16"}]) is None
    assert capacity_tokens([{"num_gpu_blocks": "16", "block_size": blocks}]) is None
    assert capacity_tokens([{"kv_cache_size_tokens": blocks}]) is None
    assert capacity_tokens([]) is None
