"""The rules pack beside the real engine, in Prometheus and in vmalert: what fires, and that it resolves.

One test, because its parts share what takes long: the engine is stopped while the overload builds up, and killed and
started again while the overload's alerts resolve.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.vllm.alerting import by_prometheus, by_vmalert
from tests.vllm.processes import background, wait_until
from tests.vllm.vllm_page import raw_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.vllm.alerting import Watch
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


class Story:
    """Progress for whoever watches the test, past pytest's capture, and what all the watches say."""

    def __init__(self, watches: Sequence[Watch], capture: pytest.CaptureFixture[str]) -> None:
        self._watches = watches
        self._capture = capture
        self._began = time.monotonic()

    def tell(self, line: str) -> None:
        """Print a line at once."""
        with self._capture.disabled():
            print(f"  [{time.monotonic() - self._began:4.0f} s] {line}", flush=True)  # noqa: T201  a test of many minutes

    def until_fired(self, *names: str, seconds: float) -> None:
        """Wait until each watch has seen each of them fire, now or before."""
        self._wait(f"{', '.join(names)} fire", lambda watch: watch.have_fired(*names), seconds)

    def until_resolved(self, *names: str, seconds: float) -> None:
        """Wait until none of them fires anywhere."""
        self._wait(f"{', '.join(names)} are resolved", lambda watch: not watch.firing() & {*names}, seconds)

    def wait(self, seconds: float) -> None:
        """Let time go by, and note what fires meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for watch in self._watches:
                watch.firing()
            time.sleep(1)

    def _wait(self, what: str, holds: Callable[[Watch], bool], seconds: float) -> None:
        def held() -> bool:
            answers = [holds(watch) for watch in self._watches]  # each is asked, so that each has seen all
            return all(answers)

        wait_until(what, held, seconds)
        self.tell(what)


def test_overload_wedge_and_crash_fire_their_alerts_and_resolve(
    engine: Engine,
    start_sidecar: StartSidecar,
    plan: Callable[..., Plan],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Waves of clients fill queue and cache, EngineCore is stopped among them; it is killed; then all is quiet."""
    with (
        start_sidecar() as side,
        by_prometheus(side.url, tmp_path / "prometheus") as first,
        by_vmalert(side.url, tmp_path / "vmalert") as second,
    ):
        story = Story((first, second), capsys)
        with ExitStack() as waves:
            for wave in range(WAVES):
                fields = {"concurrency": CLIENTS, "requests": 100_000, "prompt_tokens": 128, "max_tokens": 128}
                waves.enter_context(background(plan(**fields, seed=wave)))
                story.tell(f"wave {wave + 1} of {WAVES}: {CLIENTS} clients more")
                story.wait(WAVE_SECONDS)
                if wave == 0:  # before there are preemptions: a standstill would set their alert back
                    _wedge(engine, story)
            story.until_fired(*OVERLOAD, seconds=600)
        _crash(engine, story)
        story.tell("nothing left to do but wait until all is resolved")
        story.until_resolved(*OVERLOAD, "LLMEngineStalled", "LLMEngineDown", seconds=900)
    for watch in (first, second):
        assert not watch.seen & NEVER, watch.name
        assert "LLMEngineRestarting" not in watch.seen, watch.name


def _wedge(engine: Engine, story: Story) -> None:
    """EngineCore stands still with requests in it."""
    core = engine.core_pids()[0]
    # On the engine's own page: Prometheus may show a moment ago, and an engine that stops without work in it shows no
    # stall, which only a probe sees through.
    wait_until("a busy engine", lambda: raw_page(engine).number("vllm:num_requests_waiting") > 5, 60)
    os.kill(core, signal.SIGSTOP)
    story.tell("EngineCore is stopped")
    try:
        story.until_fired("LLMEngineStalled", seconds=120)
        assert engine.health() == 200
    finally:
        os.kill(core, signal.SIGCONT)


def _crash(engine: Engine, story: Story) -> None:
    """EngineCore dies and the engine is started again."""
    os.kill(engine.core_pids()[0], signal.SIGKILL)
    story.tell("EngineCore is killed")
    story.until_fired("LLMEngineDown", seconds=150)
    engine.stop()
    engine.start()
    story.until_resolved("LLMEngineDown", seconds=120)
