"""The plugin's rows of the name table, on the page that the real plugin writes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from forewarn import catalogue
from forewarn import signals as s
from forewarn.engines.vllm_table import NO_PLUGIN, PLUGIN_ROWS, PLUGIN_UNREADABLE, ROWS
from forewarn.plugin import recorder
from forewarn.plugin.families import Place
from forewarn.plugin.recorder import Recorder
from tests.unit.engines.reading import only_rank, read, truth
from tests.unit.plugin.statistics import Outputs, Request, Step

if TYPE_CHECKING:
    from collections.abc import Callable

WRITTEN = "0.26.0-v1-dp2"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A function that adds the plugin's series after a few steps to a written page."""
    registry = CollectorRegistry()
    monkeypatch.setattr(recorder, "PROCESS", Place(registry))

    def with_plugin(stem: str) -> str:
        written = truth(stem)
        config = SimpleNamespace(model_config=SimpleNamespace(served_model_name=written.model))
        ranks = [int(rank.engine) for rank in written.ranks]
        logger = Recorder(vllm_config=config, engine_indexes=ranks)
        for rank in ranks:
            logger.record(Step(2, 3 + rank, 0, 0.5), Outputs([Request("stop", 1)], [9.0], 1), engine_idx=rank)
        return written.text + generate_latest(registry).decode()

    return with_plugin


def test_rows_and_catalogue_name_the_same_series() -> None:
    """Every series of the plugin is read, but for the one that says which others are not to be."""
    assert {row.source for row in PLUGIN_ROWS} == {m.name for m in catalogue.PLUGIN} - {PLUGIN_UNREADABLE}
    types = {metric.name: metric.type for metric in catalogue.PLUGIN}
    assert all(types[row.source] == row.kind for row in PLUGIN_ROWS)


def test_ranks_and_their_values(page: Callable[[str], str]) -> None:
    """Each rank has its own, beside all that it had before."""
    text = page(WRITTEN)
    binding, snapshot = read(text)
    bare = read(truth(WRITTEN).text)[1]
    assert list(snapshot.ranks) == list(bare.ranks)
    for (key, rank), without in zip(snapshot.ranks.items(), bare.ranks.values(), strict=True):
        assert rank.gauges.items() >= without.gauges.items()
        assert (rank.gauges[s.PLUGIN], rank.gauges[s.PEAK_WAITING]) == (1, 3 + int(key.engine))
        assert (rank.counters[s.EXACT_EMPTY], rank.counters[s.EXACT_PREEMPTIONS]) == (1, 1)
        assert rank.split[s.EXACT_FINISHED] == {"stop": 1}
        assert rank.split[s.EXACT_VIOLATIONS] == {"ttft": 1, "tpot": 0, "e2e": 0}
        assert rank.histograms[s.STEP_WAITING].total == 3 + int(key.engine)
    assert all(binding.sources[row.signal].series == row.source for row in PLUGIN_ROWS)


def test_the_fast_poll_asks_for_vllms_gauges_alone(page: Callable[[str], str]) -> None:
    """The plugin's peaks outlast the interval of whole pages, so nothing of it is polled often."""
    assert not [name for name in read(page(WRITTEN))[0].fast_names if name.startswith(catalogue.PLUGIN_PREFIX)]


def test_without_the_plugin_its_signals_are_missing_with_a_reason() -> None:
    """The plugin itself is said to be missing in words for a person."""
    sources = read(truth("0.10.2-v1").text)[0].sources
    assert sources[s.PLUGIN].reason == NO_PLUGIN
    assert not [row.signal for row in PLUGIN_ROWS if sources[row.signal].series]


def test_a_prefix_of_others_does_not_hide_it(page: Callable[[str], str]) -> None:
    """The engine's series may be renamed on their way; the plugin's keep their names."""
    text = page(WRITTEN).replace("vllm:", "kserve_vllm:")
    assert read(text)[0].sources[s.EXACT_EMPTY].series == "forewarn_plugin_requests_empty_total"


def test_a_plugin_alone_makes_no_rank() -> None:
    """What vLLM's own series do not show is not made up from the plugin's."""
    text = '# TYPE forewarn_plugin_info gauge\nforewarn_plugin_info{model_name="m",engine="0",version="1"} 1\n'
    assert read(text)[1].ranks == {}


def test_no_row_is_read_from_two_tables() -> None:
    """A signal belongs to vLLM's page or to the plugin."""
    assert not {row.signal for row in ROWS} & {row.signal for row in PLUGIN_ROWS}


def test_two_versions_of_the_plugin_count_as_one(page: Callable[[str], str]) -> None:
    """API servers of a rolling upgrade may each name theirs."""
    text = page("0.32.0-v1")
    line = next(line for line in text.splitlines() if line.startswith("forewarn_plugin_info{"))
    other = line.replace('version="', 'version="9.')
    assert only_rank(text.replace(line, line + "\n" + other)).gauges[s.PLUGIN] == 1
