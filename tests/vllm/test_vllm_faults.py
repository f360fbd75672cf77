"""A crash and a wedge of the real engine."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.vllm.processes import background, failures, wait_until
from tests.vllm.vllm_page import raw_page
from tools.vllm_cpu.load import Plan, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.vllm.conftest import StartSidecar
    from tests.vllm.exposition import Page
    from tests.vllm.processes import Sidecar
    from tools.vllm_cpu.serve import Engine

pytestmark = pytest.mark.vllm


@contextmanager
def recorded(side: Sidecar) -> Iterator[list[Page]]:
    """Fetch the sidecar's page over and over beside the block; a page that fails, fails the test."""
    pages: list[Page] = []
    failures: list[Exception] = []
    over = threading.Event()

    def fetch() -> None:
        while not over.wait(0.2):
            try:
                pages.append(side.page())
            except (OSError, ValueError) as error:
                failures.append(error)

    watcher = threading.Thread(target=fetch)
    watcher.start()
    try:
        yield pages
    finally:
        over.set()
        watcher.join()
    assert failures == []


def of_the_engine(page: Page) -> set[str]:
    """Names of the series that tell something about the engine, but for whether it is up."""
    known_without = ("llm_objective_", "llm_replica_")
    return {
        name
        for name in page.names()
        if name.startswith("llm_") and not name.startswith(known_without) and name != "llm_engine_up"
    }


def falls(pages: list[Page]) -> list[str]:
    """The cumulative series that were lower on a page than on an earlier one."""
    highest: dict[object, float] = {}
    fell = []
    for page in pages:
        for key in page.cumulative:
            if page.samples[key] < highest.get(key, 0.0):
                fell.append(f"{key}: {highest[key]} -> {page.samples[key]}")
            highest[key] = page.samples[key]
    return fell


def test_a_crash_and_a_restart_are_told_apart(
    engine: Engine, start_sidecar: StartSidecar, plan: Callable[..., Plan]
) -> None:
    """When EngineCore dies the engine's series go; after a restart on its port counters go on from where they were."""
    with start_sidecar() as side, recorded(side) as pages:
        # Counted from before: vLLM counts a request a moment after its client has the whole answer.
        done = 16 + (raw_page(engine).value("vllm:request_success_total", finished_reason="length") or 0)
        run(plan(requests=16, seed=41))
        before = side.wait_for(
            "the finished requests", lambda page: page.value("llm_requests_finished_total", reason="length") == done
        )
        # Answers so long that none is finished before the crash, however slow this machine is.
        with background(plan(concurrency=40, requests=400, prompt_tokens=128, max_tokens=1800, seed=42)):
            side.wait_for("running requests", lambda page: page.value("llm_requests_running"))
            os.kill(engine.core_pids()[0], signal.SIGKILL)
            side.wait_for("llm_engine_up 0", lambda page: page.value("llm_engine_up") == 0)
        engine.stop()
        engine.start()
        run(plan(requests=8, seed=43))
        after = side.wait_for(
            "requests finished since",
            lambda page: page.value("llm_requests_finished_total", reason="length") == done + 8,
        )
    down = [page for page in pages if page.value("llm_engine_up") == 0]
    assert len(down) > 5
    assert [of_the_engine(page) for page in down if of_the_engine(page)] == []
    assert falls(pages) == []
    assert after.number("llm_engine_up") == 1
    assert after.number("llm_engine_start_time_seconds") > before.number("llm_engine_start_time_seconds")
    assert after.number("llm_generation_tokens_total") >= before.number("llm_generation_tokens_total") + 8 * 32


def test_a_wedge_behind_a_healthy_endpoint_is_a_stall(
    engine: Engine, start_sidecar: StartSidecar, plan: Callable[..., Plan]
) -> None:
    """A stopped EngineCore leaves /health at 200; the sidecar says stalled until it moves again."""
    with start_sidecar(SAMPLING_STALL_AFTER="3") as side:
        with background(plan(concurrency=96, requests=288, prompt_tokens=128, max_tokens=128, seed=51)) as load:
            moving = side.wait_for("a queue", lambda page: page.number("llm_requests_waiting") > 10)
            core = engine.core_pids()[0]
            os.kill(core, signal.SIGSTOP)
            stopped = time.monotonic()
            try:
                side.wait_for("llm_engine_stalled 1", lambda page: page.value("llm_engine_stalled") == 1)
                told_after = time.monotonic() - stopped
                health, wedged, up = engine.health(), raw_page(engine), side.page().value("llm_engine_up")
            finally:
                os.kill(core, signal.SIGCONT)
            side.wait_for("llm_engine_stalled 0", lambda page: page.value("llm_engine_stalled") == 0)
            records = wait_until("the rest of the load", lambda: load.result() if load.done() else None, 90)
        ended = side.page()
    assert moving.number("llm_engine_stalled") == 0
    assert told_after >= 2
    assert (health, up) == (200, 1)
    assert wedged.number("vllm:num_requests_waiting") > 0
    assert failures(records) == []
    assert ended.number("llm_engine_stalled") == 0
