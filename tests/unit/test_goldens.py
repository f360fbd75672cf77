"""Goldens: what is exported for every fixture page, and that it is the truth about that page."""

from __future__ import annotations

import io
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from forewarn.scrape import Fetcher
from tests.tools.goldens import GOLDEN, PAGES, exported, fixture_pages, golden_path, steady
from tests.tools.page_server import PageServer
from tests.tools.pages.manifest import written_pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tools.pages.manifest import PageTruth, RankTruth
    from tests.unit.conftest import Sidecar

VALUES = {
    "requests_running": "llm_requests_running",
    "requests_waiting": "llm_requests_waiting",
    "requests_swapped": "llm_requests_swapped",
    "kv_cache_usage": "llm_kv_cache_usage_ratio",
    "kv_cache_capacity": "llm_kv_cache_capacity_tokens",
    "preemptions": "llm_preemptions_total",
    "prompt_tokens": "llm_prompt_tokens_total",
    "prompt_tokens_cached": "llm_prompt_tokens_cached_total",
    "generation_tokens": "llm_generation_tokens_total",
    "requests_corrupted": "llm_requests_corrupted_total",
    "spec_decode_draft_tokens": "llm_spec_decode_draft_tokens_total",
    "spec_decode_accepted_tokens": "llm_spec_decode_accepted_tokens_total",
}
HISTOGRAMS = {
    "time_to_first_token": "llm_time_to_first_token_seconds",
    "inter_token_latency": "llm_inter_token_latency_seconds",
    "time_per_output_token": "llm_time_per_output_token_seconds",
    "request_duration": "llm_request_duration_seconds",
    "queue_time": "llm_queue_time_seconds",
}
PLAIN = [page for page in written_pages() if page.registry != "ray"]
RAY = [page for page in written_pages() if page.registry == "ray"]
CAPTURES = sorted((PAGES / "captures").glob("*.prom"))
EXCERPTS = sorted((Path(__file__).resolve().parents[3] / "shared" / "vllm-metrics" / "captures").glob("*excerpt.prom"))


@cache
def samples(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Values by name and labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in parse(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def values(text: str, name: str, **labels: str) -> list[float]:
    """Values of the samples of one name that carry these labels."""
    return [value for has, value in samples(text).get(name, {}).items() if labels.items() <= dict(has).items()]


def golden(page: PageTruth) -> str:
    """The golden of a written page."""
    return (GOLDEN / f"{Path(page.file).stem}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", fixture_pages(), ids=lambda path: path.name)
def test_a_page_exports_its_golden(path: Path) -> None:
    """The exposition of a fixture page is the committed one (`python -m tests.tools.goldens` rewrites it)."""
    assert exported(path) == golden_path(path).read_text(encoding="utf-8")


def test_every_golden_has_a_page() -> None:
    """Nothing is left over from a page that was removed, and no two pages share a golden."""
    assert sorted(GOLDEN.iterdir()) == sorted({golden_path(path) for path in fixture_pages()})
    assert len({golden_path(path) for path in fixture_pages()}) == len(fixture_pages())


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_promtool_finds_nothing_to_say_about_a_golden(path: Path) -> None:
    """Names, types, units and help satisfy Prometheus' own linter."""
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt-get install prometheus"
    done = subprocess.run([promtool, "check", "metrics"], input=path.read_bytes(), capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@pytest.mark.parametrize("page", PLAIN, ids=lambda page: page.file)
def test_a_golden_says_what_the_page_encodes(page: PageTruth) -> None:
    """Every value of the manifest is exported as it is, rank by rank; what the page does not show is absent."""
    text = golden(page)
    for rank in page.ranks:
        for signal, name in VALUES.items():
            assert values(text, name, engine=rank.engine) == [v for v in [rank.values.get(signal)] if v is not None], (
                name
            )
        for signal, name in HISTOGRAMS.items():
            assert _tally(text, name, rank.engine) == _expected(rank, signal), name
        finished = samples(text).get("llm_requests_finished_total", {})
        by_reason = {dict(has)["reason"]: v for has, v in finished.items() if dict(has)["engine"] == rank.engine}
        assert (by_reason or None) == rank.finished
    assert {dict(has)["engine"] for has in samples(text).get("llm_requests_running", {})} == _engines(page)
    rejected = {dict(has)["reason"]: v for has, v in samples(text).get("llm_requests_rejected_total", {}).items()}
    assert (rejected or None) == page.rejected


def _engines(page: PageTruth) -> set[str]:
    return {rank.engine for rank in page.ranks if "requests_running" in rank.values}


def _tally(text: str, name: str, engine: str) -> list[tuple[float, float]]:
    counts, sums = values(text, name + "_count", engine=engine), values(text, name + "_sum", engine=engine)
    return list(zip(counts, sums, strict=True))


def _expected(rank: RankTruth, signal: str) -> list[tuple[float, float]]:
    """The manifest's tally; where the mean per request is missing, the gaps between tokens stand in for it."""
    tally = rank.histograms.get(signal)
    if tally is None and signal == "time_per_output_token":
        tally = rank.histograms.get("inter_token_latency")
    return [] if tally is None else [(tally.count, tally.total)]


@pytest.mark.parametrize("page", RAY, ids=lambda page: page.file)
def test_engines_behind_one_ray_agent_are_one_rank(page: PageTruth) -> None:
    """Workers that only Ray's own label tells apart are added up, and of their KV caches the fullest counts."""
    text = golden(page)
    for signal, name in VALUES.items():
        shown = [rank.values[signal] for rank in page.ranks if signal in rank.values]
        joined = max(shown) if signal in {"kv_cache_usage", "kv_cache_capacity"} and shown else sum(shown)
        assert values(text, name) == ([joined] if shown else []), name
    tallies = [rank.histograms["time_to_first_token"] for rank in page.ranks]
    expected = (sum(tally.count for tally in tallies), sum(tally.total for tally in tallies))
    assert _tally(text, HISTOGRAMS["time_to_first_token"], "0") == [expected]


@pytest.mark.parametrize("page", written_pages(), ids=lambda page: page.file)
def test_a_golden_names_the_model_and_the_start_of_the_engine(page: PageTruth) -> None:
    """Model and start time are the page's; without series of the engine there is neither."""
    text = golden(page)
    shown = page.ranks != ()
    assert {dict(has)["model"] for has in samples(text)["llm_engine_up"]} == {page.model if shown else ""}
    start = set(samples(text).get("llm_engine_start_time_seconds", {}).values())
    assert start == ({page.start_time} if shown and page.start_time else set())


@pytest.mark.parametrize("page", PLAIN, ids=lambda page: page.file)
def test_histograms_of_a_golden_are_whole(page: PageTruth) -> None:
    """Buckets are cumulative, end in +Inf and agree with the count, whatever buckets the engine has."""
    found = samples(golden(page))
    for name in [name for name in found if name.endswith("_bucket")]:
        groups: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
        for has, value in found[name].items():
            rest = tuple(item for item in has if item[0] != "le")
            groups.setdefault(rest, {})[float(dict(has)["le"])] = value
        for rest, buckets in groups.items():
            counts = [buckets[bound] for bound in sorted(buckets)]
            assert counts == sorted(counts)
            assert buckets[float("inf")] == found[name.removesuffix("bucket") + "count"][rest]


CAPTURED: dict[str, dict[str, float]] = {
    "vllm-0.32.0": {
        "llm_requests_running": 0, "llm_requests_waiting": 0, "llm_kv_cache_usage_ratio": 0,
        "llm_prompt_tokens_total": 92913, "llm_prompt_tokens_cached_total": 73216, "llm_generation_tokens_total": 25224,
        "llm_time_to_first_token_seconds_count": 300, "llm_time_per_output_token_seconds_count": 300,
        "llm_inter_token_latency_seconds_count": 24924, "llm_requests_arrived_total": 300,
        "llm_kv_cache_capacity_tokens": 2097152, "llm_requests_empty_total": 0,
    },
    "vllm-0.9.2-v1-2-api-servers": {
        "llm_requests_running": 1, "llm_kv_cache_usage_ratio": 0.00018310546875, "llm_prompt_tokens_total": 9366,
        "llm_generation_tokens_total": 1093, "llm_time_to_first_token_seconds_count": 31,
        "llm_request_duration_seconds_count": 30, "llm_engine_stalled": 0,
    },
    "vllm-0.8.5-v0": {
        "llm_requests_running": 0, "llm_prompt_tokens_total": 9366, "llm_generation_tokens_total": 985,
        "llm_time_to_first_token_seconds_count": 31, "llm_request_duration_seconds_count": 30,
        "llm_queue_time_seconds_count": 30, "llm_kv_cache_capacity_tokens": 2097152,
    },
}  # fmt: skip


@pytest.mark.parametrize("stem", sorted(CAPTURED))
def test_the_goldens_of_real_pages_say_what_a_person_reads_there(stem: str) -> None:
    """Numbers read off the captures by hand."""
    text = (GOLDEN / f"{stem}.txt").read_text(encoding="utf-8")
    assert {name: values(text, name) for name in CAPTURED[stem]} == {n: [v] for n, v in CAPTURED[stem].items()}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
@pytest.mark.parametrize("filtered", [False, True], ids=["whole", "two-speed"])
def test_the_same_page_over_http_exports_the_same(path: Path, filtered: bool, sidecar: Callable[..., Sidecar]) -> None:  # noqa: FBT001  a parameter of pytest's
    """A server in place of the file changes none of the engine's series, polled whole or at two speeds."""
    with PageServer(path.read_text(encoding="utf-8"), version="") as engine:
        source = Fetcher(engine.url, 10.0, 1 << 24)
        built = sidecar(source, filtered=filtered, poll__fast_interval=0.5)
        built.parts.poller.step()
        built.clock.advance(0.5 if filtered else 1.0)
        built.parts.poller.step()
        source.close()
    assert ("fast" in built.parts.monitor.durations) == filtered
    page = steady(generate_latest(built.parts.registry).decode())
    assert _engine_lines(page) == _engine_lines(golden_path(path).read_text(encoding="utf-8"))


def _engine_lines(page: str) -> list[str]:
    return [line for line in io.StringIO(page) if line.startswith("llm_")]


@pytest.mark.parametrize("path", EXCERPTS, ids=lambda path: path.stem)
def test_excerpts_of_others_pages_are_read_right(path: Path) -> None:
    """Queue, KV cache, preemptions and tokens of pages that are not ours to keep equal what their text says."""
    raw: dict[str, list[float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name = line.partition("{")[0].partition(" ")[0]
            raw.setdefault(name.removeprefix("ray_").removeprefix("vllm:").removeprefix("vllm_"), []).append(
                float(line.rpartition(" ")[2])
            )
    text = exported(path)
    for source, name, join in (
        ("num_requests_running", "llm_requests_running", sum),
        ("num_requests_waiting", "llm_requests_waiting", sum),
        ("gpu_cache_usage_perc", "llm_kv_cache_usage_ratio", max),
        ("num_preemptions_total", "llm_preemptions_total", sum),
        ("prompt_tokens_total", "llm_prompt_tokens_total", sum),
        ("generation_tokens_total", "llm_generation_tokens_total", sum),
    ):
        assert values(text, name) == ([join(raw[source])] if source in raw else []), name
    assert values(text, "llm_engine_up") == [1.0]
