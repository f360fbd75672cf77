"""The probes' thread: one request at a time, defects isolated, and the polling never waits for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from forewarn import app, config
from forewarn.clock import SystemClock
from forewarn.logs import Log
from forewarn.probes import panel
from forewarn.probes.scheduler import Scheduler
from tests.tools.completion_server import CompletionServer
from tests.tools.page_server import PageServer
from tests.tools.serving import ask, serving
from tests.unit.probes.worlds import ProbeWorld, idle

if TYPE_CHECKING:
    from pathlib import Path


class Broken:
    """Raises each time."""

    def step(self) -> bool:
        """Fail."""
        raise LookupError("no such thing")


class Counting:
    """Counts its turns and stops after some."""

    def __init__(self, stop: threading.Event, turns: int) -> None:
        self.turns = 0
        self._stop, self._most = stop, turns

    def step(self) -> bool:
        """Take a turn."""
        self.turns += 1
        if self.turns >= self._most:
            self._stop.set()
        return False


def test_a_defect_costs_one_activity_its_turn_and_one_line() -> None:
    """The others go on, and so does the thread, one look a second."""
    world, stop = idle(), threading.Event()
    counting = Counting(stop, 5)
    began = world.clock.monotonic()
    Scheduler([Broken(), counting], world.monitor).run(stop)
    assert counting.turns == 5
    assert world.clock.monotonic() - began == 5.0
    assert len(world.lines("probe broken failed: LookupError: no such thing")) == 1


def test_there_is_never_more_than_one_request(tmp_path: Path) -> None:
    """Warm-up, liveness and golden prompts on real threads against an engine that counts."""
    suite = tmp_path / "smoke.yml"
    suite.write_text("suite: smoke\ncases: [{prompt: a, expect: {not_empty: true}}]\n", encoding="utf-8")
    with CompletionServer() as engine:
        world = ProbeWorld(quality__suites=str(suite), engine__url=engine.url, warmup__prompt_tokens=4)
        asker = panel.client(world.config, world.clock)
        parts = app.build(world.config, world.clock, Log(world.clock, "error"), world.engine, asker)
        parts.poller.step()
        threads = [threading.Thread(target=_some_steps, args=(parts,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(engine.bodies) >= 2
    assert engine.most_in_flight == 1


def test_neither_a_poll_nor_a_scrape_waits_for_a_probe() -> None:
    """While a probe hangs, pages are polled and served."""
    clock = SystemClock()
    with CompletionServer() as engine, PageServer(PAGE) as metrics:
        engine.behaviour = "hang"
        settings = config.load(
            None,
            {"FOREWARN_WARMUP_REQUEST_DEADLINE": "30", "FOREWARN_ENGINE_URL": engine.url},
            {},
        )
        polled = config.load(None, {"FOREWARN_ENGINE_URL": metrics.url}, {})
        source = app.build(polled, clock, Log(clock, "error")).poller._fetcher
        parts = app.build(settings, clock, Log(clock, "error"), source, panel.client(settings, clock))
        parts.poller.step()
        probing = threading.Thread(target=_until_asked, args=(parts, engine), daemon=True)
        probing.start()
        deadline = clock.monotonic() + 10.0
        while not engine.in_flight and clock.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert engine.in_flight == 1
        with serving(parts.web) as port:
            for _ in range(5):
                parts.poller.step()
                assert "llm_replica_warm" in ask(port, "/metrics")[1]
                assert ask(port, "/-/ready")[1] == "warming up: 0 of 9 requests done\n"
        assert engine.in_flight == 1
        source.close()
        engine.closing.set()
        probing.join()


PAGE = '# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{engine="0",model_name="tiny"} 0.0\n'


def _some_steps(parts: app.Parts) -> None:
    for _ in range(4):
        parts.probes.scheduler.step()


def _until_asked(parts: app.Parts, engine: CompletionServer) -> None:
    while not engine.bodies:
        parts.probes.scheduler.step()
