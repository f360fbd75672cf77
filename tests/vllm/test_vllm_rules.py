"""The rules pack beside the real engine: what an overload, a wedge and a crash fire, and that all of it resolves."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.vllm.processes import answers, background, child, wait_until
from tests.vllm.vllm_page import raw_page
from tools.demo import prometheus
from tools.vllm_cpu.serve import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.vllm.conftest import StartSidecar
    from tools.vllm_cpu.load import Plan
    from tools.vllm_cpu.serve import Engine

pytestmark = pytest.mark.vllm

OVERLOAD = {"LLMQueueGrowing", "LLMKVCacheHigh", "LLMPreemptionsSustained"}
NEVER = {"LLMExporterDown", "LLMSignalMissing", "LLMPackSchemaMismatch", "LLMCorrelatedFailure", "LLMCorruptedOutputs"}
"""Alerts that nothing of this is a reason for."""
CLIENTS = 40
WAVES = 4
WAVE_SECONDS = 30


class Watch:
    """What fires in a Prometheus, asked for again and again; `seen` holds every alert that ever did."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.seen: set[str] = set()

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        now = prometheus.firing(self.base)
        self.seen |= now
        return now

    def have_fired(self, *names: str) -> bool:
        """Whether each of them has fired by now."""
        self.firing()
        return self.seen >= set(names)

    def until(self, *names: str, seconds: float) -> None:
        """Wait until each of them has fired."""
        wait_until(f"{', '.join(names)} fire", lambda: self.have_fired(*names), seconds)

    def until_resolved(self, *names: str, seconds: float) -> None:
        """Wait until none of them fires."""
        wait_until(f"{', '.join(names)} are resolved", lambda: not self.firing() & set(names), seconds)


@contextmanager
def watched(sidecar: str, folder: Path) -> Iterator[Watch]:
    """A Prometheus with the pack's own files that scrapes and evaluates every two seconds."""
    port = free_port()
    prometheus.write_config(folder, sidecar.removeprefix("http://"))
    command = prometheus.command(["prometheus"], folder, port)
    with child("prometheus", command, folder / "prometheus.log", os.environ):
        base = f"http://{HOST}:{port}"
        wait_until("Prometheus is ready", lambda: answers(f"{base}/-/ready"), 60)
        yield Watch(base)


def test_overload_wedge_and_crash_fire_their_alerts_and_resolve(
    engine: Engine, start_sidecar: StartSidecar, plan: Callable[..., Plan], tmp_path: Path
) -> None:
    """Waves of clients fill queue and KV cache; then EngineCore is stopped, then killed; then all is quiet again."""
    with start_sidecar() as side, watched(side.url, tmp_path) as watch:
        with ExitStack() as waves:
            for wave in range(WAVES):
                waves.enter_context(
                    background(
                        plan(concurrency=CLIENTS, requests=100_000, prompt_tokens=128, max_tokens=128, seed=wave)
                    )
                )
                wait_until_over(watch, WAVE_SECONDS)
            watch.until(*OVERLOAD, seconds=420)
        _wedge(engine, plan, watch)
        _crash(engine, watch)
        watch.until_resolved(*OVERLOAD, "LLMEngineStalled", "LLMEngineDown", seconds=900)
    assert not watch.seen & NEVER
    assert "LLMEngineRestarting" not in watch.seen


def wait_until_over(watch: Watch, seconds: float) -> None:
    """Let `seconds` go by on Prometheus's clock, and note what fires meanwhile."""
    began = _now(watch)
    wait_until("the wave is over", lambda: watch.have_fired() and _now(watch) - began > seconds, 4 * seconds)


def _now(watch: Watch) -> float:
    return prometheus.value(watch.base, "vector(time())") or 0.0


def _wedge(engine: Engine, plan: Callable[..., Plan], watch: Watch) -> None:
    """EngineCore stands still with requests in it."""
    core = engine.core_pids()[0]
    with background(plan(concurrency=48, requests=100_000, prompt_tokens=128, max_tokens=128, seed=71)):
        # On the engine's own page: Prometheus may still show the overload's queue while this one's gauges are at 0, and
        # an engine that stops in that moment shows no work, which only a probe sees through.
        wait_until("a busy engine", lambda: raw_page(engine).number("vllm:num_requests_waiting") > 5, 60)
        os.kill(core, signal.SIGSTOP)
        try:
            watch.until("LLMEngineStalled", seconds=120)
            assert engine.health() == 200
        finally:
            os.kill(core, signal.SIGCONT)
    watch.until_resolved("LLMEngineStalled", seconds=180)


def _crash(engine: Engine, watch: Watch) -> None:
    """EngineCore dies and the engine is started again."""
    os.kill(engine.core_pids()[0], signal.SIGKILL)
    watch.until("LLMEngineDown", seconds=150)
    engine.stop()
    engine.start()
    watch.until_resolved("LLMEngineDown", seconds=120)
