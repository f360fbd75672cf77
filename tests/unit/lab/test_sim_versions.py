"""The page of each release: the families, types, labels and buckets of the pages written from vLLM's source."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.vllm_sim.simulation import Simulation
from lab.vllm_sim.versions import dialect, release

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.vllm_sim.scenario import Scenario

WRITTEN = Path(__file__).parents[3] / "tests" / "fixtures" / "pages" / "written"
RELEASES = tuple(
    sorted(
        (path.name.removesuffix("-v1.prom") for path in WRITTEN.glob("*-v1.prom") if not path.name.startswith("0.7")),
        key=release,
    )
)
GRAPH_SIZES_UNTIL = "0.8.4"
"""Up to it the bounds of the iteration histogram were the deployment's CUDA-graph sizes, which no model has."""


def page_of(version: str, scenario: Scenario) -> str:
    """Return a page after ten seconds of traffic."""
    shape = replace(scenario.engine, model="org/tiny-8b", version=version, max_model_len=2048)
    simulation = Simulation(replace(scenario, engine=shape))
    simulation.advance(10.0)
    return simulation.page()


def series(page: str) -> set[str]:
    """Return the vLLM series and types of a page, the cache configuration by name only."""
    found = set()
    for line in page.splitlines():
        if line.startswith("# TYPE"):
            found.add(line)
        elif line.startswith("vllm:"):
            text = line.rsplit(" ", 1)[0]
            labels = "" if text.startswith("vllm:cache_config_info") else ",".join(sorted(_labels(text)))
            found.add(f"{text.split('{')[0]}{{{labels}}}")
    return found


def _labels(text: str) -> list[str]:
    return re.findall(r'\w+="[^"]*"', text)


@pytest.mark.parametrize("version", RELEASES)
def test_page_has_the_series_of_the_release(version: str, make_scenario: Callable[..., Scenario]) -> None:
    """Names, types, labels and bucket bounds equal those of the written page of the same release."""
    written = series((WRITTEN / f"{version}-v1.prom").read_text(encoding="utf-8"))
    shown = series(page_of(version, make_scenario()))
    differs = written ^ shown
    if release(version) <= release(GRAPH_SIZES_UNTIL):
        differs = {line for line in differs if not line.startswith("vllm:iteration_tokens_total_bucket")}
    assert differs == set()


def test_boundaries_that_alerts_break_on() -> None:
    """The KV gauge, the latency per token and the engine label change at the releases where vLLM changed them."""
    both = {"vllm:gpu_cache_usage_perc", "vllm:kv_cache_usage_perc"}
    assert both & set(dialect("0.9.1").names) == {"vllm:gpu_cache_usage_perc"}
    assert both & set(dialect("0.9.2").names) == both
    assert both & set(dialect("0.11.0").names) == {"vllm:kv_cache_usage_perc"}
    token = {"vllm:time_per_output_token_seconds", "vllm:inter_token_latency_seconds"}
    assert token & set(dialect("0.10.1").names) == {"vllm:time_per_output_token_seconds"}
    assert token & set(dialect("0.12.0").names) == {"vllm:inter_token_latency_seconds"}
    assert not dialect("0.8.2").has_engine_label
    assert dialect("0.8.3").has_engine_label


def test_capacity_is_on_the_page_from_the_release_that_knows_it(make_scenario: Callable[..., Scenario]) -> None:
    """`num_gpu_blocks` is the text None before 0.9.0, and the capacity in tokens appears in 0.24.0."""
    scenario = make_scenario()
    assert 'num_gpu_blocks="None"' in page_of("0.8.5", scenario)
    assert 'num_gpu_blocks="1152"' in page_of("0.9.0", scenario)
    assert "kv_cache_size_tokens" not in page_of("0.23.0", scenario)
    assert 'kv_cache_size_tokens="18432"' in page_of("0.24.0", scenario)


@pytest.mark.parametrize("text", ["0.7.3", "0.34.0", "latest", "0.11", "0.9.x"])
def test_a_release_without_a_table_is_refused(text: str) -> None:
    """Only releases whose page is known can be chosen."""
    with pytest.raises(ValueError, match=r"expected a vLLM release from 0\.8\.0 to 0\.33\.0"):
        release(text)
