"""An overload of the real engine, and a burst that a 15 s scrape does not see."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.vllm.exposition import above
from tests.vllm.processes import background, failures, wait_until
from tests.vllm.vllm_page import is_idle, raw_page
from tools.vllm_cpu.load import Plan, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.vllm.conftest import StartSidecar
    from tests.vllm.exposition import Page
    from tools.vllm_cpu.serve import Engine

pytestmark = pytest.mark.vllm

SCRAPE_INTERVAL = 15.0
GAUGES = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")


def test_overload_is_seen(start_sidecar: StartSidecar, plan: Callable[..., Plan]) -> None:
    """128 requests on 47 KV blocks: saturation, a queue and preemptions are on the page while it lasts."""
    with start_sidecar() as side:
        before = side.page().number("llm_preemptions_total")

        def overloaded(page: Page) -> bool:
            # A saturated engine may miss a poll, and its series are absent for that moment.
            return (
                (page.value("llm_kv_cache_usage_peak_ratio") or 0) >= 0.95
                and (page.value("llm_requests_waiting_peak") or 0) > 30
                and (page.value("llm_queue_pressure_peak_ratio") or 0) > 1
                and (page.value("llm_preemptions_total") or 0) > before
            )

        with background(plan(concurrency=128, requests=400, prompt_tokens=128, max_tokens=128, seed=21)) as load:
            page = side.wait_for("saturation, queue and preemptions", overloaded, 60)
            assert not load.done()
    assert page.number("llm_requests_running") > 0
    assert above(page.buckets("llm_kv_cache_usage_samples_ratio"), 0.85) > 0
    assert above(page.buckets("llm_requests_waiting_samples"), 10) > 0
    assert above(page.buckets("llm_queue_pressure_samples_ratio"), 1) > 0
    assert failures(load.result()) == []


def test_a_burst_between_two_scrapes_leaves_its_peak(
    engine: Engine, start_sidecar: StartSidecar, plan: Callable[..., Plan]
) -> None:
    """The gauges of vLLM are 0 at both scrapes around a short burst; the sidecar's peaks still show it."""
    with start_sidecar(SAMPLING_PEAK_WINDOW="60") as side:
        first, at = raw_page(engine), time.monotonic()
        records = run(plan(concurrency=128, requests=128, prompt_tokens=128, max_tokens=64, seed=31))
        wait_until("the second scrape is due", lambda: time.monotonic() >= at + SCRAPE_INTERVAL, 20)
        second, page = raw_page(engine), side.page()
    span = max(record.sent + record.duration for record in records) - min(record.sent for record in records)
    assert span < SCRAPE_INTERVAL / 2
    assert is_idle(first)
    assert [second.number(name) for name in GAUGES] == [0, 0, 0]
    assert page.number("llm_requests_waiting") == 0
    assert page.number("llm_requests_waiting_peak") >= 10
    assert page.number("llm_kv_cache_usage_peak_ratio") >= 0.8
