"""The page: line by line that of vLLM 0.32.0, and the filtered form."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from lab.vllm_sim.core import EngineShape
from lab.vllm_sim.page import escape, go_float
from lab.vllm_sim.simulation import Simulation
from lab.vllm_sim.values import cache_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.vllm_sim.scenario import Scenario

EPOCH = 1_795_450_347.996162


@pytest.fixture
def captured(repository: Path) -> list[str]:
    """The lines of the page that a real vLLM 0.32.0 wrote."""
    page = repository / "tests" / "fixtures" / "pages" / "captures" / "vllm-0.32.0.prom"
    return page.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def simulation(make_scenario: Callable[..., Scenario]) -> Simulation:
    """A simulation of the captured model that has served for half a minute."""
    scenario = make_scenario()
    shape = replace(scenario.engine, model="tiny", max_model_len=2048)
    simulation = Simulation(replace(scenario, engine=shape), epoch=EPOCH)
    simulation.advance(30.0)
    return simulation


def skeleton(line: str) -> str:
    """Return a line without its value; of the cache configuration without label values too."""
    if line.startswith("#"):
        return line
    series = line.rsplit(" ", 1)[0]
    return re.sub(r'="[^"]*"', "", series) if series.startswith("vllm:cache_config_info") else series


def test_page_has_the_captured_lines_in_their_order(simulation: Simulation, captured: list[str]) -> None:
    """HELP, TYPE, names, labels, buckets and order equal the capture; only values differ."""
    page = simulation.page()
    assert [skeleton(line) for line in page.splitlines()] == [skeleton(line) for line in captured]
    assert page.endswith("\n")


def test_every_value_is_a_number_as_prometheus_client_writes_it(simulation: Simulation) -> None:
    """Values are floats in Go's style, never Python integers."""
    for line in simulation.page().splitlines():
        if not line.startswith("#"):
            value = line.rsplit(" ", 1)[1]
            assert floatToGoString(float(value)) == value  # type: ignore[no-untyped-call]


def test_page_parses_and_histograms_cumulate(simulation: Simulation) -> None:
    """prometheus_client's parser reads the page, and each histogram's last bucket is its count."""
    families = {family.name: family for family in text_string_to_metric_families(simulation.page())}
    assert families["vllm:num_preemptions"].type == "counter"
    checked = 0
    for family in families.values():
        if family.type == "histogram":
            buckets = [sample.value for sample in family.samples if sample.name.endswith("_bucket")]
            counts = [sample.value for sample in family.samples if sample.name.endswith("_count")]
            assert buckets == sorted(buckets)
            assert buckets[-1:] == counts
            checked += 1
    assert checked == 18


def test_page_shows_what_the_engine_counted(simulation: Simulation) -> None:
    """Samples equal the engine's counts, and the derived series add up."""
    samples = {
        (sample.name, sample.labels.get("source") or sample.labels.get("finished_reason")): sample.value
        for family in text_string_to_metric_families(simulation.page())
        for sample in family.samples
    }
    stats = simulation.engine.stats
    assert samples["vllm:generation_tokens_total", None] == stats.generation_tokens > 0
    assert samples["vllm:request_success_total", "stop"] == stats.finished["stop"] > 0
    assert samples["vllm:num_requests_running", None] == stats.gauges.running
    assert samples["vllm:kv_cache_usage_perc", None] == stats.gauges.kv_usage
    by_source = samples["vllm:prompt_tokens_by_source_total", "local_compute"]
    assert by_source + samples["vllm:prompt_tokens_cached_total", None] == samples["vllm:prompt_tokens_total", None]
    assert samples["vllm:prompt_tokens_created", None] == EPOCH
    assert samples["process_start_time_seconds", None] == EPOCH


def test_fresh_page_has_no_http_routes_yet(make_scenario: Callable[..., Scenario]) -> None:
    """Before the first response the http families are declared, without samples but for the fine histogram."""
    page = Simulation(make_scenario(rate=0.0)).page()
    assert "# TYPE http_requests_total counter\n# HELP http_request_size_bytes" in page
    assert "http_request_duration_highr_seconds_count 0.0" in page
    assert 'vllm:request_success_total{engine="0",finished_reason="repetition",model_name="sim-8b"} 0.0' in page


def test_filter_keeps_named_samples_with_their_help(simulation: Simulation) -> None:
    """`name[]` matches sample names exactly: a gauge, one part of a histogram, a `_created` series."""
    names = ["vllm:num_requests_waiting", "vllm:e2e_request_latency_seconds_sum", "vllm:prompt_tokens_created", "nope"]
    lines = simulation.page(names).splitlines()
    assert [line.split("{")[0] for line in lines if not line.startswith("#")] == [
        "vllm:num_requests_waiting",
        "vllm:prompt_tokens_created",
        "vllm:e2e_request_latency_seconds_sum",
    ]
    assert [line.split(" ")[2] for line in lines if line.startswith("# TYPE")] == [
        "vllm:num_requests_waiting",
        "vllm:prompt_tokens_total",
        "vllm:prompt_tokens_created",
        "vllm:e2e_request_latency_seconds",
    ]


def test_filter_that_matches_nothing_gives_an_empty_page(simulation: Simulation) -> None:
    """Family names that are no sample names, such as a histogram's, match nothing."""
    assert simulation.page(["vllm:time_to_first_token_seconds"]) == ""


def test_cache_config_tells_the_shape() -> None:
    """Capacity can be read from the page as from vLLM's."""
    shape = EngineShape(num_gpu_blocks=1000, block_size=16, max_model_len=4000)
    labels = dict(cache_config(shape))
    assert (labels["num_gpu_blocks"], labels["block_size"]) == ("1000", "16")
    assert (labels["kv_cache_size_tokens"], labels["kv_cache_max_concurrency"]) == ("16000", "4.0")


@given(st.floats())
def test_numbers_are_written_as_prometheus_client_does(value: float) -> None:
    """go_float equals the function of prometheus_client for any float."""
    assert go_float(value) == floatToGoString(value)  # type: ignore[no-untyped-call]


def test_label_values_are_escaped() -> None:
    """Backslash, quote and newline are escaped."""
    assert escape('a\\b"c\nd') == 'a\\\\b\\"c\\nd'
