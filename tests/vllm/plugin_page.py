"""Requests of known outcome, and the plugin's counts of them on vLLM's page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.vllm.processes import failures, wait_until
from tests.vllm.vllm_page import raw_page
from tools.vllm_cpu.load import Plan, Record, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.vllm.exposition import Page
    from tools.vllm_cpu.serve import Engine

PREFIX = "forewarn_plugin_"
BUDGETS = {
    "ttft": (0.25, "vllm:time_to_first_token_seconds"),
    "tpot": (0.01, "vllm:request_time_per_output_token_seconds"),
    "e2e": (2.5, "vllm:e2e_request_latency_seconds"),
}
"""SLI → a budget on the edge of a bucket, and vLLM's histogram with that edge."""

END_AT_ONCE = {"1": 100}
"""A bias that makes the tiny model's end token certain."""


@dataclass(frozen=True, slots=True)
class Crafted:
    """A request as it was asked for, and what the client saw of it."""

    plan: Plan
    record: Record


@dataclass(frozen=True, slots=True)
class Counts:
    """What a client can know of requests: all of it exact but `ttft_over`, which is not compared."""

    reasons: Mapping[str, float]
    empty: float
    ttft: float
    tpot: float
    e2e: float
    e2e_over: float
    ttft_over: float = field(default=0.0, compare=False)


def crafted(plan: Callable[..., Plan]) -> list[Crafted]:
    """Run requests of every kind, far quicker or far slower than the e2e budget."""
    bias = {"logit_bias": END_AT_ONCE}
    plans = (
        plan(requests=12, concurrency=4, ignore_eos=False, extra=bias, seed=101),
        plan(requests=5, concurrency=4, max_tokens=1, ignore_eos=False, extra=bias, seed=102),
        plan(requests=6, concurrency=4, max_tokens=1, seed=103),
        plan(requests=4, concurrency=4, ignore_eos=False, extra={**bias, "min_tokens": 2}, seed=104),
        plan(requests=8, concurrency=4, max_tokens=16, seed=105),
        plan(requests=3, concurrency=3, prompt_tokens=16, max_tokens=2000, seed=106),
    )
    sent = [Crafted(asked, record) for asked in plans for record in run(asked)]
    assert failures([one.record for one in sent]) == []
    budget, _ = BUDGETS["e2e"]
    assert not [one.record for one in sent if budget / 1.5 < one.record.duration < budget * 1.5]
    return sent


def expected(sent: list[Crafted]) -> Counts:
    """What the client's log says."""
    records = [one.record for one in sent]
    stopped = [one for one in sent if one.record.finish_reason == "stop" and (one.record.tokens or 0) <= 1]
    budget, _ = BUDGETS["e2e"]
    return Counts(
        reasons=dict(Counter(str(record.finish_reason) for record in records)),
        empty=sum(one.plan.max_tokens > 1 for one in stopped),
        ttft=len(records),
        tpot=sum((record.tokens or 0) > 1 for record in records),
        e2e=len(records),
        e2e_over=sum(record.duration > budget for record in records),
    )


def grown(before: Page, after: Page) -> Counts:
    """By how much the plugin's counters went up, over all ranks."""

    def gain(name: str, **labels: str) -> float:
        return sum(after.find(PREFIX + name, **labels).values()) - sum(before.find(PREFIX + name, **labels).values())

    reasons = after.by("reason", PREFIX + "requests_finished_total")
    gains = {reason: gain("requests_finished_total", reason=reason) for reason in reasons}
    return Counts(
        reasons={reason: value for reason, value in gains.items() if value},
        empty=gain("requests_empty_total"),
        ttft=gain("slo_requests_total", sli="ttft"),
        tpot=gain("slo_requests_total", sli="tpot"),
        e2e=gain("slo_requests_total", sli="e2e"),
        e2e_over=gain("slo_violations_total", sli="e2e"),
        ttft_over=gain("slo_violations_total", sli="ttft"),
    )


def settled(engine: Engine, before: Page, requests: int) -> Page:
    """The page once the plugin has seen that many more requests end; a client has its answer a moment earlier."""

    def caught_up() -> Page | None:
        page = raw_page(engine)
        return page if grown(before, page).e2e >= requests else None

    return wait_until("the plugin has counted every request", caught_up, 30)
