"""The sidecar's counts against the log that the client kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.vllm.exposition import above
from tests.vllm.processes import Sidecar, failures, wait_until
from tests.vllm.vllm_page import raw_page
from tools.vllm_cpu.load import Plan, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.vllm.conftest import StartSidecar
    from tests.vllm.exposition import Page
    from tools.vllm_cpu.load import Record
    from tools.vllm_cpu.serve import Engine

pytestmark = pytest.mark.vllm

LOWER, UPPER = 1.0, 2.5
"""Two neighbouring bucket bounds of vLLM's TTFT histogram, and a budget between them."""
BUDGET = 1.6
CLIENT_DELAY = 1.0
"""Seconds by which the client, 192 threads, may see a first token later than the engine where nothing else runs."""


def finished(page: Page) -> float:
    """Requests that ended, for whatever reason."""
    return sum(page.by("reason", "llm_requests_finished_total").values())


def grown(before: Page, after: Page, name: str, **labels: str) -> float:
    """By how much a counter went up."""
    return after.number(name, **labels) - before.number(name, **labels)


def settled(side: Sidecar, engine: Engine) -> Page:
    """The sidecar's page once it has seen all that the engine counted."""

    def caught_up() -> Page | None:
        raw, page = raw_page(engine), side.page()
        same = finished(page) == sum(raw.by("finished_reason", "vllm:request_success_total").values())
        return page if same else None

    return wait_until("the sidecar has caught up", caught_up, 30)


def slower(records: Sequence[Record], seconds: float) -> int:
    """How many requests the client saw with a longer TTFT."""
    return sum(record.ttft is not None and record.ttft > seconds for record in records)


def latest(records: Sequence[Record], before: Page, after: Page) -> float:
    """Seconds by which single first tokens may have reached the client late: three times the mean of this run."""
    family = "vllm:time_to_first_token_seconds"
    engine = grown(before, after, f"{family}_sum") / grown(before, after, f"{family}_count")
    client = sum(record.ttft or 0.0 for record in records) / len(records)
    assert client >= engine
    return max(CLIENT_DELAY, 3 * (client - engine))


def test_slo_counters_agree_with_the_clients_log(
    engine: Engine, start_sidecar: StartSidecar, plan: Callable[..., Plan]
) -> None:
    """Judged requests equal the client's; violations lie within the budget's bucket, and are exact on its edge."""
    inside, edge = {"OBJECTIVES_TTFT_SECONDS": str(BUDGET)}, {"OBJECTIVES_TTFT_SECONDS": str(UPPER)}
    with start_sidecar(**inside) as side, start_sidecar(**edge) as exact_side:
        before, exact_before, raw_before = settled(side, engine), settled(exact_side, engine), raw_page(engine)
        records = run(plan(concurrency=192, requests=400, prompt_tokens=128, max_tokens=128, seed=61))
        after, exact_after, raw_after = settled(side, engine), settled(exact_side, engine), raw_page(engine)
    assert failures(records) == []
    old, new = (page.buckets("vllm:time_to_first_token_seconds") for page in (raw_before, raw_after))
    over = {bound: above(new, bound) - above(old, bound) for bound in (LOWER, UPPER)}
    spread = over[UPPER] + (over[LOWER] - over[UPPER]) * (UPPER - BUDGET) / (UPPER - LOWER)

    assert grown(before, after, "llm_slo_requests_total", sli="ttft") == len(records)
    violations = grown(before, after, "llm_slo_violations_total", sli="ttft")
    assert violations == pytest.approx(spread)
    delay = latest(records, raw_before, raw_after)
    assert slower(records, UPPER + delay) <= violations <= slower(records, LOWER)
    assert 0 < violations < len(records)
    assert after.value("forewarn_signal_exact", signal="slo_ttft") == 0

    exact = grown(exact_before, exact_after, "llm_slo_violations_total", sli="ttft")
    assert exact == over[UPPER]
    assert slower(records, UPPER + delay) <= exact <= slower(records, UPPER)
    assert exact_after.value("forewarn_signal_exact", signal="slo_ttft") == 1


def test_outcomes_and_tokens_equal_the_clients_log(
    engine: Engine, start_sidecar: StartSidecar, plan: Callable[..., Plan]
) -> None:
    """Finished requests by reason, and tokens, are what the client was given, preemptions notwithstanding."""
    with start_sidecar() as side:
        before = settled(side, engine)
        records = run(plan(concurrency=64, requests=96, prompt_tokens=150, max_tokens=128, seed=71))
        after = settled(side, engine)
    reasons = {
        reason: count - before.number("llm_requests_finished_total", reason=reason)
        for reason, count in after.by("reason", "llm_requests_finished_total").items()
    }
    assert {reason: count for reason, count in reasons.items() if count} == {"length": len(records)}
    assert grown(before, after, "llm_generation_tokens_total") == sum(record.tokens or 0 for record in records)
    assert grown(before, after, "llm_prompt_tokens_total") == sum(record.prompt_tokens or 0 for record in records)
    # A preempted request waits again and may be taken for one more arrival.
    evicted = grown(before, after, "llm_preemptions_total")
    assert len(records) - 2 <= grown(before, after, "llm_requests_arrived_total") <= len(records) + 2 + evicted


def test_empty_answers_are_counted(engine: Engine, start_sidecar: StartSidecar, plan: Callable[..., Plan]) -> None:
    """Answers that end at once with no text are counted; one-token answers that asked for one are not."""
    end_at_once = {"logit_bias": {"1": 100}}
    with start_sidecar() as side:
        before = settled(side, engine)
        empty = run(plan(requests=12, ignore_eos=False, extra=end_at_once, seed=81))
        short = run(plan(requests=6, max_tokens=1, seed=82))
        after = settled(side, engine)
    assert [(record.empty, record.finish_reason) for record in empty] == [(True, "stop")] * 12
    assert [record.finish_reason for record in short] == ["length"] * 6
    assert grown(before, after, "llm_requests_empty_total", method="estimated") == 12
    assert grown(before, after, "llm_requests_finished_total", reason="stop") == 12
