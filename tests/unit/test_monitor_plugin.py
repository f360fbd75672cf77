"""The sidecar beside an engine that carries the real plugin, loses it, or gains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from forewarn.plugin import families, recorder
from forewarn.plugin.families import Place
from forewarn.plugin.recorder import Recorder
from tests.unit.collectors.harness import World
from tests.unit.plugin.statistics import CONFIG, Outputs, Request, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

BUDGET = 0.7
"""Between two bounds of the scripted engine's histograms: only the plugin can judge by it."""


class Pair(World):
    """A sidecar and an engine that counts as vLLM does, with the plugin in it when asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(objectives__ttft_seconds=BUDGET)
        self._patch = monkeypatch
        self.plugin: Recorder | None = None
        self._registry = CollectorRegistry()
        self.engine.model = "tiny"
        self.engine.edit = self._with_plugin

    def load(self, budget: float = BUDGET) -> None:
        """Build the plugin as a starting engine does."""
        self._registry = CollectorRegistry()
        self._patch.setattr(recorder, "PROCESS", Place(self._registry))
        self._patch.setenv("FOREWARN_PLUGIN_OBJECTIVES_TTFT_SECONDS", str(budget))
        self.plugin = Recorder(vllm_config=CONFIG, engine_indexes=[0])

    def restart(self, *, plugin: bool) -> None:
        """A new process, with or without the plugin."""
        self.engine.restart()
        self.plugin = None
        if plugin:
            self.load()

    def serve(self, *ttfts: float, empty: int = 0, queue: int = 0) -> None:
        """One step: first tokens, as many requests that end by themselves, some of them empty, and a queue."""
        rank = self.engine.rank
        rank.ttft += ttfts
        rank.tokens += 5 * len(ttfts)
        tokens = [1.0 if i < empty else 5.0 for i in range(len(ttfts))]
        rank.lengths += tokens
        rank.asked += [10.0] * len(ttfts)
        rank.finished["stop"] += len(ttfts)
        if self.plugin is not None:
            ended = [Request(num_generation_tokens=number, max_tokens_param=10) for number in tokens]
            self.plugin.record(Step(1, queue, 0, 0.5), Outputs(ended, list(ttfts), 0), engine_idx=0)

    def poll(self) -> None:
        """A whole page, a full interval later."""
        self.clock.advance(2.0)
        self.poller.poll_once()

    def _with_plugin(self, text: str) -> str:
        whole = "vllm:generation_tokens_total" in text
        return text + generate_latest(self._registry).decode() if whole and self.plugin is not None else text

    def ttft(self) -> tuple[float | None, float | None]:
        """Requests judged and over budget."""
        return self.value("llm_slo_requests_total", sli="ttft"), self.value("llm_slo_violations_total", sli="ttft")

    def empty(self) -> dict[str, float]:
        """Empty outputs by method."""
        name = "llm_requests_empty_total"
        return {dict(labels)["method"]: value for (found, labels), value in self.exported().items() if found == name}


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """An engine without the plugin so far."""
    yield Pair(monkeypatch)
    assert families.PROCESS._page is None


def test_with_the_plugin_counts_are_exact(pair: Pair) -> None:
    """Source, method and exactness say so, and the numbers are the plugin's."""
    pair.load()
    pair.serve(0.1, 0.71, 0.9, empty=2)
    pair.poll()
    assert pair.value("llm_engine_info", source="plugin") == 1
    assert pair.empty() == {"exact": 2}
    assert pair.ttft() == (3, 2)
    for signal in ("requests_empty", "slo_ttft", "slo_e2e"):
        assert pair.value("forewarn_signal_exact", signal=signal) == 1
    assert pair.monitor.sources["requests_empty"].series == "forewarn_plugin_requests_empty_total"


def test_without_the_plugin_the_sidecar_says_why(pair: Pair) -> None:
    """Nothing is missing, as nobody promised it; the check's table names the release it takes."""
    pair.serve(0.1)
    pair.poll()
    assert pair.value("llm_engine_info", source="metrics") == 1
    assert pair.value("forewarn_signal_available", signal="plugin") is None
    assert pair.monitor.sources["plugin"].reason.endswith("or vLLM is older than 0.11.1")


def test_the_plugin_comes_with_a_restart(pair: Pair) -> None:
    """Counts go on, each request once; what was estimated is not told again as exact."""
    pair.serve(0.1, 0.6, 2.0, empty=1)
    pair.poll()
    judged, over = pair.ttft()
    assert (judged, pair.empty()) == (3, {"estimated": 1})
    pair.restart(plugin=True)
    pair.serve(0.69, 0.71, empty=2)
    pair.poll()
    assert over is not None
    assert pair.ttft() == (5, pytest.approx(over + 1))
    assert pair.empty() == {"exact": 2}
    assert pair.value("llm_requests_finished_total", reason="stop") == 5


def test_the_plugin_goes_with_a_restart(pair: Pair) -> None:
    """Counts go on, the estimate takes over, and the loss is said."""
    pair.load()
    pair.serve(0.1, 0.9, empty=1)
    pair.poll()
    pair.restart(plugin=False)
    pair.serve(0.1, 2.0, empty=1)
    pair.poll()
    assert pair.ttft() == (4, 2)
    assert pair.empty() == {"estimated": 1}
    assert pair.value("llm_requests_finished_total", reason="stop") == 4
    assert pair.value("forewarn_signal_available", signal="plugin") == 0
    assert pair.value("forewarn_signal_exact", signal="requests_empty") == 0
    assert len(pair.lines("signal plugin is gone")) == 1


def test_coming_and_going_within_one_process_counts_nothing_twice(pair: Pair) -> None:
    """A page that lost the plugin's part, as when vLLM rebuilds its loggers without it."""
    pair.load()
    plugin = pair.plugin
    pair.serve(0.1, empty=1)
    pair.poll()
    pair.plugin = None
    pair.serve(0.2, empty=1)
    pair.poll()
    assert pair.value("llm_requests_finished_total", reason="stop") == 2
    pair.plugin = plugin
    pair.serve(0.3, empty=1)
    pair.poll()
    pair.serve(0.4, empty=1)
    pair.poll()
    assert pair.value("llm_requests_finished_total", reason="stop") == 4
    assert pair.ttft()[0] == 4


def test_another_budget_is_not_ours(pair: Pair) -> None:
    """A count at another budget than the exported objective would be a wrong one."""
    pair.load(budget=0.05)
    pair.serve(0.1, 0.2)
    pair.poll()
    assert pair.ttft() == (2, 0)
    assert pair.value("forewarn_signal_exact", signal="slo_ttft") == 0
    assert pair.value("forewarn_signal_exact", signal="slo_e2e") == 1


def test_what_the_plugin_cannot_read_is_read_elsewhere(pair: Pair) -> None:
    """A release that renames a field costs exactness, not the signal."""
    pair.load()
    pair.serve(0.1, empty=1)
    assert pair.plugin is not None
    pair.plugin.record(None, Outputs([Request(num_generation_tokens=None)], [], 0))
    pair.poll()
    assert pair.empty() == {"estimated": 1}
    assert pair.value("forewarn_signal_exact", signal="requests_empty") == 0
    assert pair.monitor.sources["plugin_requests_empty"].reason == (
        "the plugin cannot read num_generation_tokens in this vLLM"
    )
    assert pair.value("llm_engine_info", source="plugin") == 1


def test_every_step_is_a_sample_and_a_poll_is_none(pair: Pair) -> None:
    """A burst between two polls is in the histogram and in the peak."""
    pair.load()
    pair.poll()
    for queue in (0, 40, 200, 0):
        pair.serve(queue=queue)
    pair.poll()
    pair.poll()
    name = "llm_requests_waiting_samples_bucket"
    assert [pair.value(name, le=le) for le in ("1.0", "100.0", "+Inf")] == [2, 3, 4]
    assert pair.value("llm_requests_waiting_samples_sum") == 240
    assert pair.value("llm_requests_waiting_peak") == 200
    assert pair.value("llm_queue_pressure_peak_ratio") == 200
    assert pair.value("llm_kv_cache_usage_samples_ratio_count") == 4


def test_without_the_plugin_polls_are_samples_again(pair: Pair) -> None:
    """The histogram goes on from where the steps left it."""
    pair.load()
    pair.serve(queue=3)
    pair.poll()
    assert pair.value("llm_requests_waiting_samples_count") == 1
    pair.restart(plugin=False)
    pair.poll()
    pair.poll()
    counted = pair.value("llm_requests_waiting_samples_count")
    assert counted is not None
    assert counted > 1


def test_an_old_peak_is_not_seen_again(pair: Pair) -> None:
    """A gauge that nothing moved since the last page says nothing of now."""
    pair.load()
    pair.poll()
    pair.serve(queue=90)
    for _ in range(40):
        pair.poll()
    assert pair.value("llm_requests_waiting_peak") == 0


def test_other_bounds_are_not_added_to_ours(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin of another version may sort its samples differently; then polls are the samples."""
    monkeypatch.setitem(families.BOUNDS, "requests_waiting_samples", (2.0, 20.0))
    pair.load()
    pair.serve(queue=1)
    pair.serve(queue=1)
    pair.poll()
    assert pair.value("llm_requests_waiting_samples_count") == 1
    assert pair.value("llm_kv_cache_usage_samples_ratio_count") == 2


def test_another_models_plugin_is_not_ours(pair: Pair) -> None:
    """Series that no rank of the page matches are left alone."""
    pair.load()
    pair.serve(0.1, empty=1)
    pair.engine.model = "another"
    pair.poll()
    assert pair.empty() == {"estimated": 1}
    assert [dict(labels)["model"] for name, labels in pair.exported() if name == "llm_engine_info"] == ["another"]
