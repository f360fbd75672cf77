"""Fleet & redundancy: whether the replicas carry the peak that is due, and the loss of k of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common

from dashboards.source import failures
from dashboards.source.board import Board, Cell, Section
from dashboards.source.panels import Column, Words, grid, states
from dashboards.source.panels_more import by_column, counted, lines, narrow
from dashboards.source.queries import Query, deployment, replica
from dashboards.source.queries_more import KEY_TITLES, KEYS, among_highest, each, highest

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import statetimeline, table, timeseries

READY, PRESENT = deployment("llm:replicas_ready:count"), deployment("llm:replicas:count")
SPARE, SPARES = deployment("llm:redundancy_spare"), deployment("llm:spare_objective:replicas")
NEED, ASKED = deployment("llm:peak_need:replicas"), deployment("llm:desired_replicas")
ARRIVED, FORECAST = deployment("llm:requests_arrived:rate5m"), deployment("llm:demand_forecast:rate")
CAPACITY = f"({deployment('llm:replica_capacity:requests')} * {READY} > 0)"
"""Requests per second that the ready replicas are proven to finish, together."""
LOAD = f"{ARRIVED} / {CAPACITY}"
BORN = f"1e-12 * max by ({KEYS}) (max_over_time({replica('llm_engine_start_time_seconds')}[$__range] @ end()))"
"""Tells equals apart, and moves nothing else."""
SCARCE = f"""(
  0 - (min_over_time({SPARE}[$__range] @ end()) or min_over_time({READY}[$__range] @ end()))
)"""
TIGHTEST = among_highest(f"({SCARCE} + {BORN} or {SCARCE})", 1)
"""The one with the fewest spares; where capacity is unknown, ready replicas stand in for spares."""
LEVERS = {
    0: ("none", "green"),
    1: ("1: shorten output", "yellow"),
    2: ("2: shed low priority", "orange"),
    3: ("3: smaller model", "red"),
}


def standing() -> table.Panel:
    """Every deployment, the tightest on top."""
    words = Words(
        "Which deployment cannot lose k replicas?",
        "spare − k below 0: the next failure is felt by users. Load or forecast (one cold start on) near 100 %.",
        "bring back what is down, then add replicas up to *asked for*. No number there: the deployment was never busy, "
        "so its capacity is unknown; load-test it and set objectives.replica_requests_per_second.",
        ("LLMRedundancyBelowNPlusK", "LLMCapacityBelowPeakNeed", "LLMSaturationForecast"),
    )
    load = (("text", None), ("orange", 0.8), ("red", 1.0))
    columns = [
        Column(Query(each(f"{SPARE} - {SPARES}"), "Spare − k"), (("red", None), ("green", 0))),
        Column(Query(each(READY), "Ready")),
        Column(Query(each(PRESENT), "Present")),
        Column(Query(each(NEED), "Peak needs")),
        Column(Query(each(SPARES), "k")),
        Column(Query(each(ASKED), "Asked for")),
        Column(Query(each(LOAD), "Load", unit="percentunit"), load),
        Column(Query(each(f"{FORECAST} / {CAPACITY}"), "Forecast", unit="percentunit"), load),
        Column(Query(each(deployment("llm:degradation_level")), "Lever"), (("text", None), ("red", 1))),
    ]
    return narrow(by_column(grid(words, columns, KEY_TITLES, "No deployment"), "Spare − k", falling=False))


def cover() -> timeseries.Panel:
    """Ready against N+k."""
    words = Words(
        "Do the ready replicas cover N + k?",
        "the solid line below the dashed one: a failure now is felt. The dotted line above the solid: replicas are "
        "there and not ready.",
        "dotted well above solid: find out what keeps replicas from being ready, below. Else add replicas.",
        ("LLMRedundancyBelowNPlusK", "LLMCapacityBelowPeakNeed"),
    )
    queries = [
        Query(f"{READY} and {TIGHTEST}", "ready {{deployment}}"),
        Query(f"{PRESENT} and {TIGHTEST}", "present {{deployment}}", "faint"),
        Query(f"({NEED} + {SPARES}) and {TIGHTEST}", "peak + k {{deployment}}", "limit"),
    ]
    return counted(words, queries)


def asked() -> timeseries.Panel:
    """Present against desired."""
    words = Words(
        "Are there as many replicas as asked for?",
        "the dashed line stands above the solid one for longer than a cold start: nobody adds them, or they do not "
        "come.",
        "look at the autoscaler, its ceiling, and free GPUs. Solid far above dashed for hours is idle spend.",
        ("LLMSaturationForecast", "LLMIdleSpendHigh"),
    )
    queries = [
        Query(f"{PRESENT} and {TIGHTEST}", "present {{deployment}}"),
        Query(f"{ASKED} and {TIGHTEST}", "asked for {{deployment}}", "limit"),
    ]
    return counted(words, queries)


def room() -> timeseries.Panel:
    """Load and forecast as a share of capacity."""
    words = Words(
        "How much of the proven capacity is in use?",
        "a line near the dashed 100 %, or a jump when replicas leave. Past it the queue grows without bound.",
        "add replicas while there is room: they take a cold start to come. Headroom is what is left to 100 %.",
        ("LLMSaturationForecast", "LLMCapacityBelowPeakNeed"),
    )
    queries = [
        Query(highest(LOAD), "{{deployment}}"),
        Query(f"max({FORECAST} / {CAPACITY})", "highest forecast", "faint"),
        Query("vector(1)", "all of it", "limit"),
    ]
    return lines(words, queries, "percentunit")


def demand() -> timeseries.Panel:
    """Demand now and one cold start on, in requests per second."""
    words = Words(
        "Will demand pass capacity in a cold start?",
        "the dotted forecast crosses the dashed capacity: a replica asked for after that comes too late.",
        "scale out now. The dashed line falls when replicas go: then bring them back first.",
        ("LLMSaturationForecast",),
    )
    queries = [
        Query(f"{ARRIVED} and {TIGHTEST}", "arrives {{deployment}}"),
        Query(f"{FORECAST} and {TIGHTEST}", "forecast {{deployment}}", "faint"),
        Query(f"{CAPACITY} and {TIGHTEST}", "capacity {{deployment}}", "limit"),
    ]
    return lines(words, queries, "reqps")


def lever() -> statetimeline.Panel:
    """The degradation level over time."""
    words = Words(
        "Which lever is due?",
        "anything but *none*: demand is past capacity, and waiting longer costs users more than the lever does.",
        "pull the levers in their order, one at a time, never on all replicas at once; let go when the band is green "
        "again.",
        ("LLMFleetDegraded",),
    )
    level = Query(highest(deployment("llm:degradation_level"), 8), "{{deployment}}")
    return states(words, [level], LEVERS).legend(common.VizLegendOptions().show_legend(show_legend=True))


def pressure() -> timeseries.Panel:
    """What the levers follow."""
    words = Words(
        "How near is the next lever?",
        "waiting for each running request, over the whole deployment, climbs to 1, 2 or 4: there a lever becomes due. "
        "It is let go at half of that.",
        "below 1 and rising: add replicas now, and no lever will be needed.",
        ("LLMFleetDegraded", "LLMQueueGrowing"),
    )
    queries = [
        Query(highest(deployment("llm:queue_pressure:fleet_mean_1m")), "{{deployment}}"),
        Query("vector(1)", "shorten output", "limit"),
        Query("vector(2)", "shed low priority", "limit"),
        Query("vector(4)", "smaller model", "limit"),
    ]
    return lines(words, queries, "short")


BOARD = Board(
    "forewarn-fleet",
    "forewarn / Fleet & redundancy",
    "Do the replicas carry the peak that is due, and the loss of k of them?",
    "6h",
    (
        Cell(standing, 24, 7),
        Section("The deployment with the fewest spares; choose another above"),
        Cell(cover, 8, 8),
        Cell(asked, 8, 8),
        Cell(demand, 8, 8),
        Section("Near capacity, and past it: levers in the order of what they cost users"),
        Cell(room, 8, 8),
        Cell(pressure, 8, 8),
        Cell(lever, 8, 8),
        Section("Failures: what k spares cover, and what they do not"),
        Cell(failures.failing, 6, 8),
        Cell(failures.unready, 9, 8),
        Cell(failures.restarts, 9, 8),
        Cell(failures.by_version, 12, 7),
        Cell(failures.by_node, 12, 7),
        Cell(failures.worst_replicas, 24, 12),
    ),
)
