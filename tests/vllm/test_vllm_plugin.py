"""The plugin inside a real vLLM: its counts against the client's log, and against the engine's own statistics."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.vllm.conftest import SMALL, VENV
from tests.vllm.exposition import above, fetch_page
from tests.vllm.plugin_page import BUDGETS, PREFIX, Crafted, crafted, expected, grown, settled
from tests.vllm.processes import failures, sidecar, wait_until
from tests.vllm.test_vllm_faults import falls, recorded
from tests.vllm.vllm_page import is_idle, raw_page
from tools.vllm_cpu.engine import WITH_PLUGIN
from tools.vllm_cpu.install import Place, install_plugin
from tools.vllm_cpu.load import Plan, run
from tools.vllm_cpu.serve import MODEL, Engine, Settings, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typing_extensions import Self

    from tests.vllm.exposition import Page

pytestmark = pytest.mark.vllm

ENVIRONMENT = WITH_PLUGIN | {
    f"FOREWARN_PLUGIN_OBJECTIVES_{sli.upper()}_SECONDS": str(budget) for sli, (budget, _) in BUDGETS.items()
}
OBJECTIVES = {f"OBJECTIVES_{sli.upper()}_SECONDS": str(budget) for sli, (budget, _) in BUDGETS.items()}
POLLING = 0.25


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """How the engines of this module are started; the plugin in them is that of the present source."""
    install_plugin(Place(VENV.absolute(), time.monotonic()))
    return Settings(VENV, tmp_path_factory.mktemp("plugin"), free_port(), SMALL, ENVIRONMENT)


@pytest.fixture(scope="module")
def plugin_engine(settings: Settings) -> Iterator[Engine]:
    """One API server, one rank, with the plugin."""
    with Engine(settings) as engine:
        yield engine


@pytest.fixture
def engine(plugin_engine: Engine) -> Engine:
    """The engine, idle."""
    wait_until("the engine is idle", lambda: is_idle(raw_page(plugin_engine)), 60)
    return plugin_engine


def plan(engine: Engine, **fields: object) -> Plan:
    """A load plan for the engine."""
    return replace(Plan(url=engine.url, model=MODEL), **fields)  # type: ignore[arg-type]  # checked by the dataclass


def overload(engine: Engine, seed: int) -> int:
    """More requests than the engine can run at once; returns how many."""
    records = run(plan(engine, concurrency=128, requests=256, prompt_tokens=128, max_tokens=96, seed=seed))
    assert failures(records) == []
    return len(records)


def test_the_plugin_is_on_vllms_own_page(engine: Engine) -> None:
    """Loaded by vLLM itself, with every field of its statistics readable and the budgets it was given."""
    overload(engine, 5)
    page = raw_page(engine)
    assert page.value(PREFIX + "info", engine="0", model_name=MODEL) == 1
    assert page.find(PREFIX + "unreadable_total") == {}
    for sli, (budget, _) in BUDGETS.items():
        assert page.value(f"{PREFIX}objective_{sli}_seconds") == budget


def test_counters_equal_the_clients_log(engine: Engine) -> None:
    """Outcome by reason, empty outputs, requests judged and over budget: what the client saw, to the request."""
    before = raw_page(engine)
    sent = crafted(lambda **fields: plan(engine, **fields))
    wanted = expected(sent)
    assert wanted.empty == 12
    assert set(wanted.reasons) == {"stop", "length"}
    assert wanted.e2e_over == 3
    after = settled(engine, before, len(sent))
    assert grown(before, after) == wanted


def test_violations_equal_the_engines_own_statistics(engine: Engine) -> None:
    """Budgets on the edges of vLLM's buckets: the plugin judges each request as vLLM's histograms sort it."""
    before = raw_page(engine)
    after = settled(engine, before, overload(engine, 7))
    for sli, (budget, histogram) in BUDGETS.items():
        old, new = (page.buckets(histogram) for page in (before, after))
        own = above(new, budget) - above(old, budget)
        name = PREFIX + "slo_violations_total"
        assert after.number(name, sli=sli) - before.number(name, sli=sli) == own, sli
    assert 0 < grown(before, after).ttft_over < 256
    for ours, theirs in (("preemptions_total", "vllm:num_preemptions_total"),):
        assert after.number(PREFIX + ours) == after.number(theirs) > before.number(theirs)
    reasons = {reason: n for reason, n in after.by("finished_reason", "vllm:request_success_total").items() if n}
    assert after.by("reason", PREFIX + "requests_finished_total") == reasons


def test_the_sidecar_counts_by_the_plugin(engine: Engine, tmp_path: Path) -> None:
    """Source, method and exactness say so, and what is exported grows by what the plugin counted."""
    with sidecar(engine.url, tmp_path, OBJECTIVES) as side:
        raw_before = raw_page(engine)
        start = side.wait_for("the plugin", lambda page: page.value("llm_engine_info", source="plugin"))
        sent = crafted(lambda **fields: plan(engine, **fields))
        raw = settled(engine, raw_before, len(sent))
        judged = raw.number(PREFIX + "slo_requests_total", sli="e2e")
        page = side.wait_for("the last request", lambda page: page.value("llm_slo_requests_total", sli="e2e") == judged)
    gains, name = grown(raw_before, raw), "llm_requests_empty_total"
    assert page.value(name, method="estimated") is None
    assert page.number(name, method="exact") - start.number(name, method="exact") == gains.empty
    assert page.by("reason", "llm_requests_finished_total")["stop"] == raw.number(
        PREFIX + "requests_finished_total", reason="stop"
    )
    for sli in BUDGETS:
        for series in ("slo_requests_total", "slo_violations_total"):
            assert page.number("llm_" + series, sli=sli) == raw.number(PREFIX + series, sli=sli)
        assert page.value("forewarn_signal_exact", signal=f"slo_{sli}") == 1
    assert page.value("forewarn_signal_exact", signal="requests_empty") == 1


class Poll:
    """The queue as a 0.25 s poller of vLLM's own gauge sees it."""

    def __init__(self, engine: Engine) -> None:
        self._url = f"{engine.url}/metrics/?name[]=vllm:num_requests_waiting"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self.largest = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._over.wait(POLLING):
            self.largest = max(self.largest, fetch_page(self._url).number("vllm:num_requests_waiting"))


def test_steps_show_a_peak_that_polling_misses(engine: Engine, tmp_path: Path) -> None:
    """A burst shorter than the polling interval: no poll sees the queue, the steps do, the sidecar keeps its peak."""
    name = PREFIX + "requests_waiting_samples"

    def burst(seed: int) -> tuple[float, float]:
        """Steps with more than ten waiting, and the most that a poll saw."""
        before = above(raw_page(engine).buckets(name), 10)
        with Poll(engine) as poll:
            # One request for many answers: they are queued all at once, however slow the client is.
            run(plan(engine, requests=1, max_tokens=2, extra={"n": 64}, seed=seed))
            wait_until("the engine is idle", lambda: is_idle(raw_page(engine)), 30)
        return above(raw_page(engine).buckets(name), 10) - before, poll.largest

    with sidecar(engine.url, tmp_path, OBJECTIVES) as side:
        # Whether a burst falls between two polls is chance: one of twenty must.
        missed = next((seed for seed in range(200, 220) if (seen := burst(seed))[0] > 0 and seen[1] <= 10), None)
        assert missed is not None
        page = side.wait_for("the peak", lambda page: page.number("llm_requests_waiting_peak") > 10)
        assert above(page.buckets("llm_requests_waiting_samples"), 10) > 0


def test_counters_go_on_when_the_plugin_is_switched_off(
    plugin_engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    """A restart with the off switch: the page is vLLM's own again, no exported count falls, none is told twice."""

    def finished(page: Page) -> float:
        return sum(page.by("reason", "llm_requests_finished_total").values())

    off = replace(settings, environment=ENVIRONMENT | {"FOREWARN_PLUGIN_ENABLED": "false"})
    with sidecar(plugin_engine.url, tmp_path, OBJECTIVES) as side, recorded(side) as pages:
        run(plan(plugin_engine, requests=8, seed=91))
        done = sum(raw_page(plugin_engine).by("reason", PREFIX + "requests_finished_total").values())
        side.wait_for("the finished requests", lambda page: finished(page) == done)
        plugin_engine.stop()
        with Engine(off) as bare:
            assert not {name for name in raw_page(bare).names() if name.startswith(PREFIX)}
            run(plan(bare, requests=8, seed=92))
            after = side.wait_for("requests finished since", lambda page: finished(page) == done + 8)
    assert after.value("llm_engine_info", source="metrics") == 1
    assert after.value("forewarn_signal_available", signal="plugin") == 0
    assert after.number("llm_slo_requests_total", sli="e2e") == done + 8
    assert [line for line in falls(pages) if "llm_" in line] == []


@pytest.mark.parametrize(
    "arguments",
    [("--data-parallel-size", "2", "--api-server-count", "1"), ("--api-server-count", "2")],
    ids=["two ranks", "two API servers"],
)
def test_ranks_and_api_servers_add_up(settings: Settings, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Each rank has its series; each API server counts its own requests, and the page adds them up."""
    chosen = replace(settings, work=tmp_path, port=free_port(), arguments=(*SMALL, *arguments))
    with Engine(chosen) as engine:
        before = raw_page(engine)
        sent: list[Crafted] = crafted(lambda **fields: plan(engine, **fields))
        after = settled(engine, before, len(sent))
        assert grown(before, after) == expected(sent)
        ranks = {dict(labels)["engine"] for labels in after.find(PREFIX + "info")}
        assert after.find(PREFIX + "unreadable_total") == {}
        with sidecar(engine.url, tmp_path, OBJECTIVES) as side:
            page = side.wait_for("the plugin", lambda page: page.find("llm_engine_info", source="plugin"))
    assert ranks == ({"0", "1"} if "--data-parallel-size" in arguments else {"0"})
    exported = Counter[str]()
    for labels, value in page.find("llm_requests_empty_total", method="exact").items():
        exported[dict(labels)["engine"]] += int(value)
    assert sum(exported.values()) == expected(sent).empty
    assert set(exported) == ranks
