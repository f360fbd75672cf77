"""The logger as vLLM drives it: never raises, whatever it is given."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, multiprocess

from forewarn.plugin import recorder
from forewarn.plugin.families import Place
from forewarn.plugin.recorder import MAX_RANKS, Recorder
from tests.unit.plugin.statistics import CONFIG, Outputs, Request, Step, shown
from tests.unit.sampling.builders import quick

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    """The registry that recorders of this test use."""
    registry = CollectorRegistry()
    monkeypatch.setattr(recorder, "PROCESS", Place(registry))
    return registry


def engines(registry: CollectorRegistry, name: str) -> Mapping[str, float]:
    """Values of one series by rank."""
    samples = [sample for family in registry.collect() for sample in family.samples]
    return {s.labels["engine"]: s.value for s in samples if s.name == f"forewarn_plugin_{name}"}


def test_records_as_vllm_calls_it(registry: CollectorRegistry) -> None:
    """The first two arguments by position, the others by name."""
    logger = Recorder(vllm_config=CONFIG, engine_indexes=[0])
    logger.log_engine_initialized()
    logger.record(Step(1, 3), Outputs([Request("stop", 1)], [0.1], 2), mm_cache_stats=None, engine_idx=0)
    logger.log()
    page = shown(registry)
    assert page["info"] == 1
    assert (page["requests_waiting_samples_sum"], page["requests_empty_total"], page["preemptions_total"]) == (3, 1, 2)


def test_ranks_stay_apart(registry: CollectorRegistry) -> None:
    """One logger has the series of every rank, also of one it was not told of."""
    logger = Recorder(vllm_config=CONFIG, engine_indexes=[0, 1])
    logger.record(Step(1, 3), None, engine_idx=1)
    logger.record(Step(1, 5), None, engine_idx=7)
    assert engines(registry, "requests_waiting_samples_sum") == {"0": 0, "1": 3, "7": 5}


def test_ranks_are_bounded(registry: CollectorRegistry) -> None:
    """A counter that runs through the rank does not grow the page for ever."""
    logger = Recorder(vllm_config=CONFIG, engine_indexes=[])
    for index in range(MAX_RANKS + 5):
        logger.record(None, None, engine_idx=index)
    assert len(engines(registry, "info")) == MAX_RANKS


@pytest.mark.parametrize("index", [None, "0", -0.5, [], True, object()])
def test_a_rank_without_a_number_is_passed_over(registry: CollectorRegistry, index: object) -> None:
    """There is no series it could go to."""
    Recorder(vllm_config=CONFIG, engine_indexes=[0]).record(Step(1, 3), Outputs(), engine_idx=index)
    assert shown(registry) == {}


def test_nothing_to_record_is_no_sample(registry: CollectorRegistry) -> None:
    """Either half may be None: another API server has it."""
    logger = Recorder(vllm_config=CONFIG, engine_indexes=[0])
    logger.record(None, None)
    logger.record(None, Outputs([Request()], [], 0))
    logger.record(Step(), None)
    logger.record()
    page = shown(registry)
    assert (page["requests_waiting_samples_count"], page["requests_finished_total stop"]) == (1, 1)


def test_more_arguments_do_no_harm(registry: CollectorRegistry) -> None:
    """record() has gained parameters twice."""
    logger = Recorder(CONFIG, [0], something=1)
    logger.record(Step(1, 2), None, engine_idx=0, a_new_one=object())
    assert shown(registry)["requests_waiting_samples_sum"] == 2


@pytest.mark.parametrize(
    "config", [None, SimpleNamespace(), SimpleNamespace(model_config=None)], ids=["none", "bare", "no model"]
)
def test_a_configuration_that_cannot_be_read_switches_off(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture, config: object
) -> None:
    """One line, no series, no exception."""
    logger = Recorder(vllm_config=config, engine_indexes=[0])
    logger.record(Step(), Outputs())
    logger.log()
    assert shown(registry) == {}
    (message,) = caplog.messages
    assert message.startswith("forewarn plugin is off: AttributeError: ")


def test_a_name_that_is_taken_switches_off(registry: CollectorRegistry, caplog: pytest.LogCaptureFixture) -> None:
    """The series of whoever was there first stay as they are."""
    Counter("forewarn_plugin_requests_empty", "Somebody else's.", registry=registry)
    logger = Recorder(vllm_config=CONFIG, engine_indexes=[0])
    logger.record(Step(), Outputs([Request("stop", 1)]))
    assert shown(registry) == {"requests_empty_total": 0}
    assert len(caplog.messages) == 1


def test_the_off_switch(registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded, and nothing more."""
    monkeypatch.setenv("FOREWARN_PLUGIN_ENABLED", "false")
    logger = Recorder(vllm_config=CONFIG, engine_indexes=[0])
    logger.record(Step(), Outputs())
    assert shown(registry) == {}


def test_a_second_engine_begins_anew(registry: CollectorRegistry) -> None:
    """As vLLM's own counters do."""
    first = Recorder(vllm_config=CONFIG, engine_indexes=[0])
    first.record(None, Outputs([], [], 5))
    second = Recorder(vllm_config=CONFIG, engine_indexes=[0])
    first.record(None, Outputs([], [], 5))
    second.record(None, Outputs([], [], 1))
    assert shown(registry)["preemptions_total"] == 1


def test_what_nobody_foresaw_is_said(registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the plugin's own spoils every series, and the engine goes on."""
    logger = Recorder(vllm_config=CONFIG, engine_indexes=[0])
    monkeypatch.setattr(recorder.RankCounter, "step", lambda *_: 1 / 0)
    logger.record(Step(), Outputs())
    page = shown(registry)
    assert page["unreadable_total record requests_empty_total"] == 1
    assert page["unreadable_total record kv_cache_usage_peak_ratio"] == 1


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(Step, inner, inner, inner, inner)
        | st.builds(Request, inner, inner, inner, inner, inner)
        | st.builds(Outputs, inner, inner, inner)
    ),
    max_leaves=12,
)


@quick
@given(junk, junk, junk, junk)
def test_nothing_makes_it_raise(scheduler: object, iteration: object, cache: object, index: object) -> None:
    """Whatever the statistics have become; counters of it never go down."""
    with pytest.MonkeyPatch.context() as patch:
        registry = CollectorRegistry()
        patch.setattr(recorder, "PROCESS", Place(registry))
        logger = Recorder(vllm_config=CONFIG, engine_indexes=[0])
        for number in (index, 0):
            logger.record(scheduler, iteration, mm_cache_stats=cache, engine_idx=number)
        assert all(value >= 0 for name, value in shown(registry).items() if "total" in name or "count" in name)


WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
from types import SimpleNamespace as Any
from forewarn.plugin.recorder import Recorder
logger = Recorder(vllm_config=Any(model_config=Any(served_model_name="tiny")), engine_indexes=[0])
waiting, empty = int(sys.argv[2]), int(sys.argv[3])
ended = Any(finish_reason="stop", num_generation_tokens=1, max_tokens_param=9, e2e_latency=99.0,
            mean_time_per_output_token=0.0)
logger.record(Any(num_running_reqs=1, num_waiting_reqs=waiting, kv_cache_usage=0.5),
              Any(num_preempted_reqs=0, time_to_first_tokens_iter=[0.1], finished_requests=[ended] * empty))
"""


def test_several_api_servers_add_up(tmp_path: Path) -> None:
    """In prometheus_client's multiprocess mode counts are summed over the processes, and the larger peak is shown."""
    source = recorder.__file__.partition("/forewarn/plugin/")[0]
    for waiting, empty in ((4, 2), (9, 1)):
        command = [sys.executable, "-c", WORKER, source, str(waiting), str(empty)]
        subprocess.run(command, check=True, env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)})
    merged = CollectorRegistry()
    multiprocess.MultiProcessCollector(merged, str(tmp_path))
    page = shown(merged)
    assert (page["requests_waiting_samples_count"], page["requests_waiting_samples_sum"]) == (2, 13)
    assert (page["requests_waiting_peak"], page["info"], page["objective_ttft_seconds"]) == (9, 1, 2)
    assert (page["requests_finished_total stop"], page["requests_empty_total"]) == (3, 3)
    assert (page["slo_requests_total e2e"], page["slo_violations_total e2e"]) == (3, 3)


def test_it_brings_nothing_of_the_sidecar_along() -> None:
    """The engine's process imports the plugin, the catalogue and prometheus_client alone."""
    source = recorder.__file__.partition("/forewarn/plugin/")[0]
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); import forewarn.plugin.recorder;"
        "print(json.dumps([n for n in sys.modules if n.startswith(('forewarn', 'yaml', 'requests'))]))"
    )
    run = subprocess.run([sys.executable, "-c", code, source], check=True, capture_output=True, text=True)
    modules = ("counting", "families", "peak", "recorder", "settings")
    expected = {"forewarn", "forewarn.catalogue", "forewarn.plugin", *(f"forewarn.plugin.{name}" for name in modules)}
    assert set(json.loads(run.stdout)) == expected
