"""What the sidecar says of an idle engine is what the engine says itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.vllm.exposition import fetch_page
from tests.vllm.processes import wait_until
from tests.vllm.vllm_page import HISTOGRAMS, VALUES, differences, raw_page
from tools.vllm_cpu.load import Plan, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.vllm.conftest import StartSidecar
    from tools.vllm_cpu.serve import Engine

pytestmark = pytest.mark.vllm

CORE_SIGNALS = {
    "requests_running",
    "requests_waiting",
    "kv_cache_usage",
    "preemptions",
    "time_to_first_token",
    "time_per_output_token",
    "request_duration",
    "queue_time",
    "prompt_tokens",
    "generation_tokens",
    "requests_finished",
}
FILTERED = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")
IDENTITY = {"deployment": "chat", "version": "v7", "track": "canary", "model": "tiny", "engine": "0"}


def test_engine_and_core_signals_are_there(start_sidecar: StartSidecar) -> None:
    """A real vLLM is up, has its version, and no signal that it should have is missing."""
    with start_sidecar() as side:
        page = side.wait_for(
            "the engine's version",
            lambda page: page.value("llm_engine_info", engine_version="0.32.0"),
        )
    available = page.by("signal", "forewarn_signal_available")
    assert page.value("llm_engine_info", kind="vllm", source="metrics") == 1
    assert {signal for signal, there in available.items() if there == 1} >= CORE_SIGNALS
    assert [signal for signal, there in available.items() if there != 1] == []
    assert {*VALUES, *(f"{name}_bucket" for name in HISTOGRAMS)} <= page.names()


def test_every_series_carries_the_identity(start_sidecar: StartSidecar) -> None:
    """Each llm_ series has the five labels, from the configuration and from the engine."""
    with start_sidecar(DEPLOYMENT="chat", VERSION="v7", TRACK="canary") as side:
        page = side.page()
    own = [labels for (name, labels) in page.samples if name.startswith("llm_")]
    assert own
    assert [labels for labels in own if not labels >= IDENTITY.items()] == []


def test_values_equal_vllms_own_page(engine: Engine, start_sidecar: StartSidecar, plan: Callable[..., Plan]) -> None:
    """After real load, counters, gauges and every bucket are those of vLLM's page, and none is absent."""
    run(plan(concurrency=64, requests=96, prompt_tokens=128, max_tokens=96, seed=11))
    with start_sidecar() as side:
        with contextlib.suppress(TimeoutError):
            wait_until("both pages agree", lambda: not differences(raw_page(engine), side.page()), 15)
        raw, page = raw_page(engine), side.page()
    assert differences(raw, page) == []
    assert raw.number("vllm:num_preemptions_total") > 0
    assert page.number("llm_kv_cache_capacity_tokens") == 48 * 128
    assert page.number("llm_engine_start_time_seconds") == raw.number("process_start_time_seconds")


def test_gauges_are_polled_through_the_filter(engine: Engine, start_sidecar: StartSidecar) -> None:
    """A real vLLM serves the filtered page, and the sidecar asks it for the gauges alone most of the time."""
    query = "&".join(f"name[]={name}" for name in FILTERED)
    assert fetch_page(f"{engine.url}/metrics/?{query}").names() == set(FILTERED)

    def polls() -> tuple[int, int]:
        """Filtered and whole pages that vLLM served, by its access log."""
        log = engine.settings.log.read_text(encoding="utf-8", errors="replace")
        return log.count('"GET /metrics/?name'), log.count('"GET /metrics HTTP')

    filtered, whole = polls()
    with start_sidecar() as side:
        wait_until("twenty filtered polls", lambda: polls()[0] >= filtered + 20, 30)
        page = side.page()
        more_filtered, more_whole = polls()[0] - filtered, polls()[1] - whole
    assert page.by("speed", "forewarn_poll_interval_seconds") == {"fast": 0.25, "full": 2.0}
    assert more_whole >= 1
    assert more_filtered > 3 * more_whole
