"""Cost: what a million tokens and a month cost, and how much of it buys nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.source.board import Board, Cell, Section
from dashboards.source.panels import Column, Words, counts, grid, numbers
from dashboards.source.panels_more import by_column, lines, narrow, stacked
from dashboards.source.queries import Query, deployment, objective, replica
from dashboards.source.queries_more import KEY_TITLES, KEYS, each, highest

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import stat, table, timeseries

PRICE, OBJECTIVE = (
    deployment("llm:cost_usd_per_million_tokens:1h"),
    each(replica("llm_objective_cost_usd_per_million_tokens")),
)
HOURLY, IDLE = deployment("llm:cost_usd_per_hour:sum"), deployment("llm:idle_spend:ratio_6h")
MONTH = 730
"""Hours, as in the planner."""
TOKENS = deployment("llm:tokens:rate5m")
GPUS = f"sum by ({KEYS}) ({replica('llm_replica_gpus')})"
PER_GPU_HOUR = f"{TOKENS} * 3600 / ({GPUS} > 0)"
NO_PRICE = "No replica has a price"


def by_deployment() -> table.Panel:
    """Every deployment, the dearest bill on top."""
    words = Words(
        "Where does the money go?",
        "cost over objective above 100 %; an idle share above 70 %: most of that bill buys nothing.",
        "begin with the largest *idle, month*: let the replicas follow the load, minding the cold start.",
        ("LLMCostAboveObjective", "LLMIdleSpendHigh"),
    )
    usd = "currencyUSD"
    over = (("green", None), ("orange", 0.8), ("red", 1.0))
    columns = [
        Column(Query(each(f"{HOURLY} * {MONTH}"), "A month", unit=usd)),
        Column(Query(each(f"{IDLE} * {HOURLY} * {MONTH}"), "Idle, month", unit=usd)),
        Column(Query(each(IDLE), "Idle share", unit="percentunit"), (("text", None), ("orange", 0.7))),
        Column(Query(each(PRICE), "Per 1M tokens", unit=usd)),
        Column(Query(each(f"{PRICE} / {OBJECTIVE}"), "Of objective", unit="percentunit"), over),
        Column(Query(each(deployment("llm:replicas:count")), "Replicas")),
        Column(Query(each(GPUS), "GPUs")),
        Column(Query(each(PER_GPU_HOUR), "Tokens/GPU h", unit="short")),
    ]
    return narrow(by_column(grid(words, columns, KEY_TITLES, NO_PRICE), "A month", falling=True))


def bill() -> stat.Panel:
    """The whole bill."""
    words = Words(
        "What does a month cost?",
        "a bill that nobody planned; idle near the whole of it.",
        "compare with `forewarn plan`; look for the deployment that grew. A month has 730 hours.",
        ("LLMIdleSpendHigh",),
    )
    return numbers(
        words,
        [
            Query(f"sum({HOURLY}) * {MONTH}", "At this rate"),
            Query(f"sum({IDLE} * {HOURLY}) * {MONTH}", "Idle, of that"),
            Query(f"sum({HOURLY})", "An hour"),
        ],
        "currencyUSD",
    )


def unknown() -> stat.Panel:
    """What the bill does not see, and what is over."""
    words = Words(
        "Is the bill complete?",
        "replicas without a price make every number here too low.",
        "set replica.gpus and replica.usd_per_gpu_hour in every sidecar.",
        ("LLMCostDataMissing", "LLMCostAboveObjective", "LLMIdleSpendHigh"),
    )
    present = deployment("llm:replicas:count")
    return counts(
        words,
        [
            Query(
                f"sum({present}) - (count({replica('llm_replica_cost_usd_per_hour')}) or 0 * sum({present}))",
                "Without a price",
            ),
            Query(f"sum({PRICE} > bool {OBJECTIVE})", "Over objective"),
            Query(f"sum({IDLE} > bool 0.7)", "Mostly idle"),
        ],
    )


def million() -> timeseries.Panel:
    """Dollars for a million tokens against the objective."""
    words = Words(
        "What does a million tokens cost?",
        "solid above the dashed objective. Solid far above dotted: the tokens are not dear, the idle replicas are.",
        "far above dotted: fewer replicas at quiet hours. Both high: larger batches, cache hits, a cheaper GPU, "
        "quantisation.",
        ("LLMCostAboveObjective",),
    )
    busy = f"{PRICE} * (1 - {IDLE})"
    shown = f"topk(3, max_over_time({PRICE}[$__range] @ end()))"
    queries = [
        Query(f"{PRICE} and {shown}", "{{deployment}}"),
        Query(f"{busy} and {shown}", "without idle {{deployment}}", "faint"),
        objective("cost_usd_per_million_tokens"),
    ]
    return lines(words, queries, "currencyUSD").no_value(NO_PRICE)


def monthly() -> timeseries.Panel:
    """The bill of a month, deployment by deployment."""
    words = Words(
        "How does the bill move?",
        "a step up without a step in load; a bill as flat as a board while the load goes up and down.",
        "flat: let the replicas follow the load. A step: who added replicas, or changed the GPU?",
        ("LLMIdleSpendHigh",),
    )
    shown = f"topk(10, max_over_time({HOURLY}[$__range] @ end()))"
    query = Query(f"{HOURLY} * {MONTH} and {shown}", "{{deployment}}")
    return stacked(lines(words, [query], "currencyUSD")).no_value(NO_PRICE)


def idle() -> timeseries.Panel:
    """The share of the bill that the load did not need."""
    words = Words(
        "How much of the bill is idle?",
        "above the dashed 70 % for hours in a deployment of more than 1 + k replicas.",
        "autoscale, or let batch work fill the night. The k spares are in it: a small fleet cannot be without idle.",
        ("LLMIdleSpendHigh",),
    )
    limit = Query("vector(0.7)", "high at 70 %", "limit")
    return lines(words, [Query(highest(IDLE), "{{deployment}}"), limit], "percentunit").max(1)


def idle_month() -> timeseries.Panel:
    """The same in dollars a month."""
    words = Words(
        "What does idle cost in a month?",
        "the highest line: there the next saving is, whatever its share.",
        "weigh it against `forewarn plan`: what autoscaling saves, and what the cold start asks for.",
        ("LLMIdleSpendHigh",),
    )
    return lines(words, [Query(highest(f"{IDLE} * {HOURLY} * {MONTH}"), "{{deployment}}")], "currencyUSD")


def per_gpu() -> timeseries.Panel:
    """Tokens that a GPU makes in an hour."""
    words = Words(
        "How many tokens does a GPU make in an hour?",
        "a fall with no fall in load: a slower version, smaller batches, fewer cache hits. With the load: idle GPUs.",
        "compare with the price above: dollars of a GPU hour over this line is what a token costs.",
        ("LLMCostAboveObjective",),
    )
    return lines(words, [Query(highest(PER_GPU_HOUR), "{{deployment}}")], "short")


def cached() -> timeseries.Panel:
    """Prompt tokens that needed no prefill."""
    words = Words(
        "How many prompt tokens come from the cache?",
        "a fall: every prompt is computed anew, and every token gets dearer.",
        "look at the router (conversations should come back to their replica) and at changed system prompts.",
        ("LLMCostAboveObjective",),
    )
    by = "sum by (deployment, model)"
    hits, prompts = (
        f"{by} (rate({replica(name)}[30m]))" for name in ("llm_prompt_tokens_cached_total", "llm_prompt_tokens_total")
    )
    return lines(words, [Query(highest(f"{hits} / ({prompts} > 0)"), "{{deployment}}")], "percentunit").max(1)


def split() -> timeseries.Panel:
    """The price of a million tokens, read and written."""
    words = Words(
        "What do prompt and generated tokens cost?",
        "both rise: idle, or a dearer GPU. They differ by a fixed 2.5, the work of a generated token in prompt tokens.",
        "set a price list with these, not with the blended line above: it moves with what users ask.",
        ("LLMCostAboveObjective",),
    )
    series = {
        "generated": deployment("llm:cost_usd_per_million_generated_tokens:1h"),
        "prompt": deployment("llm:cost_usd_per_million_prompt_tokens:1h"),
    }
    queries = [Query(highest(name), f"{kind} {{{{deployment}}}}") for kind, name in series.items()]
    return lines(words, queries, "currencyUSD").no_value(NO_PRICE)


BOARD = Board(
    "forewarn-cost",
    "forewarn / Cost",
    "What do a million tokens and a month cost, and how much of it buys nothing?",
    "24h",
    (
        Cell(bill, 6, 8),
        Cell(million, 12, 8),
        Cell(unknown, 6, 8),
        Cell(by_deployment, 24, 7),
        Section("What stands idle"),
        Cell(idle, 8, 8),
        Cell(idle_month, 8, 8),
        Cell(monthly, 8, 8),
        Section("What makes a token cheap or dear"),
        Cell(split, 8, 8),
        Cell(per_gpu, 8, 8),
        Cell(cached, 8, 8),
    ),
)
