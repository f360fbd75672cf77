"""The Replica board's part about time: phases of a request, tails against their budgets, the prefix cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.models import common as options

from dashboards.source.board import Cell
from dashboards.source.panels import Words, good, series
from dashboards.source.queries import Query, mean, objective, quantile, replica

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import timeseries

TTFT, E2E, QUEUE = "llm_time_to_first_token_seconds", "llm_request_duration_seconds", "llm_queue_time_seconds"
TPOT = "llm_time_per_output_token_seconds"
BY = "deployment"


def phases() -> timeseries.Panel:
    """Mean time in the queue, until the first token, and after it, one on the other."""
    words = Words(
        "Where does a request spend its time?",
        "a band that grows: queue is too little capacity, prefill long or uncached prompts, decode a large batch or "
        "long answers. Means of the requests that passed each phase; those that a client dropped are in no decode.",
        "act on the band that grew, not on the total.",
        ("LLMQueueTimeHigh", "LLMTTFTBudgetBurn", "LLMTPOTBudgetBurn"),
    )
    queue, first, whole = mean(QUEUE, BY), mean(TTFT, BY), mean(E2E, BY)
    panel = series(
        words,
        [
            Query(queue, "1 queue {{deployment}}"),
            Query(f"clamp_min({first} - {queue}, 0)", "2 prefill {{deployment}}"),
            Query(f"clamp_min({whole} - {first}, 0)", "3 decode {{deployment}}"),
        ],
        "s",
    )
    return panel.fill_opacity(40).stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))


def first_token() -> timeseries.Panel:
    """TTFT, middle and tail."""
    return _tail(
        Words(
            "How late is the first token?",
            "p99 above the dashed budget, or pulling away from p50: the tail moves before the middle does.",
            "look at the queue; without one, at prompt lengths and at the prefix cache.",
            ("LLMTTFTBudgetBurn", "LLMLatencyTailDiverging"),
        ),
        TTFT,
        "ttft_seconds",
    )


def per_token() -> timeseries.Panel:
    """TPOT, middle and tail."""
    return _tail(
        Words(
            "How long does each further token take?",
            "p99 above the dashed budget: text appears slower than people read.",
            "lower concurrency, or check chunked prefill: long prompts interrupt decode.",
            ("LLMReplicaSlow", "LLMTPOTBudgetBurn"),
        ),
        TPOT,
        "tpot_seconds",
    )


def whole_request() -> timeseries.Panel:
    """Duration, middle and tail."""
    return _tail(
        Words(
            "How long does a whole request take?",
            "p99 above the dashed budget. It follows the length of answers, so compare with the phases.",
            "longer answers: cap max_tokens. Else see which phase grew.",
            ("LLMTTFTBudgetBurn", "LLMTPOTBudgetBurn"),
        ),
        E2E,
        "e2e_seconds",
    )


def over_budget() -> timeseries.Panel:
    """Share of time in SLO, as what is missing from it."""
    words = Words(
        "What share of requests breaks its budget?",
        "above the dashed line the month's error budget does not last. 1 % is one user in a hundred.",
        "find the phase that grew; act before the burn rate pages.",
        ("LLMTTFTBudgetBurn", "LLMTPOTBudgetBurn"),
    )
    broken, judged = (
        f"sum by (deployment, sli) (rate({replica(name)}[5m]))"
        for name in ("llm_slo_violations_total", "llm_slo_requests_total")
    )
    allowed = f"1 - max by (deployment) ({replica('llm_objective_slo_ratio')})"
    return series(
        words,
        [
            Query(f"{broken} / ({judged} > 0)", "{{deployment}} {{sli}}"),
            Query(allowed, "allowed {{deployment}}", "limit"),
        ],
        "percentunit",
    )


def prefix_cache() -> timeseries.Panel:
    """Prompt tokens that needed no prefill."""
    words = Words(
        "How much of the prompts does the prefix cache spare?",
        "a share that falls at the same traffic: prompts changed at their beginning, or routing lost its affinity.",
        "undo the change of the prompt template; route users back to the replica that knows them.",
        ("LLMTTFTBudgetBurn",),
    )
    cached = f"sum by (deployment, version) (rate({replica('llm_prompt_tokens_cached_total')}[5m]))"
    tokens = f"(sum by (deployment, version) (rate({replica('llm_prompt_tokens_total')}[5m])) > 0)"
    return series(words, [Query(f"{cached} / {tokens}", "{{deployment}} {{version}}")], "percentunit").max(1)


def endings() -> timeseries.Panel:
    """How requests end."""
    words = Words(
        "How do requests end?",
        "error or repetition above 0; abort rising: clients gave up waiting; length rising: answers are cut off.",
        "errors: the engine's log. Aborts: look at TTFT. Empty answers stand on the Quality board.",
        ("LLMErrorsAboveBaseline",),
    )
    finished = f"sum by (reason) (rate({replica('llm_requests_finished_total')}[5m]))"
    return good("stop", series(words, [Query(finished, "{{reason}}")], "reqps"))


def acceptance() -> timeseries.Panel:
    """Accepted share of drafted tokens."""
    words = Words(
        "Does speculative decoding still guess right?",
        "a step down costs speed; a step up often means repeated, broken text. Empty without speculative decoding.",
        "compare with the last deploy of either model.",
        ("LLMSpecDecodeAcceptanceShift",),
    )
    share = f"avg by (deployment) ({replica('llm:spec_decode_acceptance:ratio_15m')})"
    usual = f"avg by (deployment) ({replica('llm:spec_decode_acceptance:ratio_6h')})"
    queries = [Query(share, "{{deployment}}"), Query(usual, "6 h {{deployment}}", "faint")]
    return series(words, queries, "percentunit").max(1)


def _tail(words: Words, histogram: str, budget: str) -> timeseries.Panel:
    return series(
        words,
        [
            Query(quantile(0.99, histogram, BY), "p99 {{deployment}}"),
            Query(quantile(0.5, histogram, BY), "p50 {{deployment}}", "faint"),
            objective(budget),
        ],
        "s",
    )


CELLS = (
    Cell(phases, 8, 8),
    Cell(first_token, 8, 8),
    Cell(per_token, 8, 8),
    Cell(whole_request, 8, 8),
    Cell(over_budget, 8, 8),
    Cell(endings, 8, 8),
    Cell(prefix_cache, 12, 7),
    Cell(acceptance, 12, 7),
)
