"""The class that vLLM loads, against stand-ins for vLLM's base classes."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType

import pytest
from prometheus_client import CollectorRegistry

from forewarn.plugin import recorder
from forewarn.plugin.families import Place
from tests.unit.plugin.statistics import CONFIG, Step, shown


class StatLoggerBase(ABC):
    """vLLM 0.32's, as far as it matters here."""

    @abstractmethod
    def record(self, scheduler_stats: object, iteration_stats: object) -> None:
        """A step."""

    @abstractmethod
    def log_engine_initialized(self) -> None:
        """The engine is up."""

    def record_sleep_state(self, is_awake: int, level: int) -> str:
        """Optional."""
        return f"{is_awake} {level}"


class AggregateStatLoggerBase(StatLoggerBase):
    """For all ranks; a later release asks for one more method."""

    @abstractmethod
    def __init__(self, vllm_config: object, engine_indexes: list[int]) -> None: ...

    @abstractmethod
    def a_new_method(self) -> None:
        """Not known when the plugin was written."""


@pytest.fixture
def logger_class(monkeypatch: pytest.MonkeyPatch) -> type[recorder.Recorder]:
    """The entry point's class, loaded where a vLLM is."""
    loggers = ModuleType("vllm.v1.metrics.loggers")
    loggers.AggregateStatLoggerBase = AggregateStatLoggerBase  # type: ignore[attr-defined]  # a stand-in
    for name in ("vllm", "vllm.v1", "vllm.v1.metrics"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, loggers.__name__, loggers)
    monkeypatch.delitem(sys.modules, "forewarn.plugin.vllm", raising=False)
    found: type[recorder.Recorder] = import_module("forewarn.plugin.vllm").StatLogger
    return found


def test_the_entry_point_is_declared() -> None:
    """Under the group that vLLM 0.11.1 on looks through."""
    (found,) = entry_points(group="vllm.stat_logger_plugins", name="forewarn")
    assert found.value == "forewarn.plugin.vllm:StatLogger"


def test_vllm_takes_it_for_an_aggregate_logger(logger_class: type[recorder.Recorder]) -> None:
    """Any other class would keep the engine from starting."""
    assert isinstance(logger_class, type)
    assert issubclass(logger_class, AggregateStatLoggerBase)


def test_it_records_and_has_what_it_is_not_asked_for(
    logger_class: type[recorder.Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also under a release with one more abstract method, which would make the class impossible to build."""
    registry = CollectorRegistry()
    monkeypatch.setattr(recorder, "PROCESS", Place(registry))
    logger = logger_class(vllm_config=CONFIG, engine_indexes=[0])
    logger.record(Step(1, 4), None, mm_cache_stats=None, engine_idx=0)
    assert logger.record_sleep_state(1, 2) == "1 2"  # type: ignore[attr-defined]  # of the base
    logger.a_new_method()  # type: ignore[attr-defined]  # of the base
    assert shown(registry)["requests_waiting_samples_sum"] == 4


def test_without_vllm_it_cannot_be_loaded() -> None:
    """An import error is what vLLM expects of a plugin that does not fit; it drops it with a line in its log."""
    sys.modules.pop("forewarn.plugin.vllm", None)
    with pytest.raises(ImportError):
        import_module("forewarn.plugin.vllm")
