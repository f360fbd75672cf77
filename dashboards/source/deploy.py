"""Deploy: the canary beside stable, guardrail by guardrail, and what a roll takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.source import canary
from dashboards.source.board import Board, Cell, Section
from dashboards.source.panels import Words, counts
from dashboards.source.panels_more import counted, lines, stacked
from dashboards.source.queries import Query, deployment, replica
from dashboards.source.queries_more import highest, lowest

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import stat, timeseries

BY_VERSION = "{{deployment}} {{version}} {{track}}"


def versions() -> timeseries.Panel:
    """Ready replicas by version and track."""
    words = Words(
        "Which versions serve?",
        "the sum dips while a version is exchanged: the roll takes more than it brings. Two versions that stay: a roll "
        "that hangs.",
        "pause the roll when the sum dips at a busy hour; look at the warm-up of the new version when it hangs.",
        ("LLMDeployHeadroomExhausted", "LLMWarmupFailed"),
    )
    ready = f"sum by (deployment, track, version) ({replica('llm_replica_ready')})"
    return stacked(counted(words, [Query(highest(ready, 10), BY_VERSION)]))


def headroom() -> timeseries.Panel:
    """Load on what is ready, and with one replica less."""
    words = Words(
        "Is there room to take a replica out?",
        "the solid line above the dashed 90 % while two versions are live. The dotted line above it: the next step of "
        "the roll takes what the load needs.",
        "pause the roll, or surge before you drain; wait for a quieter hour.",
        ("LLMDeployHeadroomExhausted", "LLMSaturationForecast"),
    )
    arrived, ready = deployment("llm:requests_arrived:rate5m"), deployment("llm:replicas_ready:count")
    one = deployment("llm:replica_capacity:requests")
    now = f"{arrived} / ({one} * {ready} > 0)"
    fullest = f"topk(3, max_over_time(({now})[$__range:1m] @ end()))"
    queries = [
        Query(f"{now} and {fullest}", "{{deployment}}"),
        Query(f"{arrived} / ({one} * ({ready} - 1) > 0) and {fullest}", "one less {{deployment}}", "faint"),
        Query("vector(0.9)", "pages at 90 % in a roll", "limit"),
    ]
    return lines(words, queries, "percentunit")


def by_version() -> timeseries.Panel:
    """Requests over budget, version by version."""
    words = Words(
        "Is one version slower?",
        "the new version's line above the old one's for longer than its warm-up: the share of requests over their "
        "budget, of the budget that is broken most. In a roll without a canary this is the comparison.",
        "pause the roll; if it stays, roll back.",
        ("LLMTTFTBudgetBurn", "LLMTPOTBudgetBurn"),
    )
    by = "sum by (deployment, track, version, sli)"
    bad, judged = (
        f"{by} (increase({replica(name)}[10m]))" for name in ("llm_slo_violations_total", "llm_slo_requests_total")
    )
    share = f"max by (deployment, track, version) ({bad} / ({judged} > 0))"
    return lines(words, [Query(highest(share), BY_VERSION)], "percentunit").axis_soft_max(0.01)


def started() -> timeseries.Panel:
    """Engines that started within ten minutes."""
    words = Words(
        "Which engines have just started?",
        "the same number again and again: engines start and die. More at once than the roll should take: it goes too "
        "fast.",
        "read the log of the previous container; slow the roll down.",
        ("LLMEngineRestarting", "LLMEngineDown"),
    )
    age = f"time() - max without (engine) ({replica('llm_engine_start_time_seconds')})"
    by = f"sum by (deployment, track, version) ({age} < bool 600)"
    return counted(words, [Query(highest(by), BY_VERSION)])


def warming() -> stat.Panel:
    """What stands between a started engine and traffic."""
    words = Words(
        "Do replicas get warm before they serve?",
        "*cold and serving*: users pay for compilation. *Failed*: the gate stays shut after its deadline.",
        "let traffic wait for the sidecar's /-/ready; the replica's status page says which step of the warm-up failed.",
        ("LLMColdReplicaServing", "LLMWarmupFailed"),
    )
    warm = replica("llm_replica_warm")
    finished = f"sum without (engine, reason) (rate({replica('llm_requests_finished_total')}[2m]))"
    busy = f"max_over_time({replica('llm_requests_running')}[2m])"
    serving = f"{warm} == 0 and ignoring (engine) {finished} > 0.1 and ignoring (engine) {busy} > 1"
    return counts(
        words,
        [
            Query(f"count({serving}) or 0 * count({warm})", "Cold and serving"),
            Query(f"sum({replica('llm_warmup_failed')})", "Warm-up failed"),
            Query(f"sum({warm} == bool 0)", "Cold"),
            Query(f"sum({replica('llm_engine_up')} == bool 0)", "Engines not up"),
        ],
    )


def warmup() -> timeseries.Panel:
    """Progress of the warm-ups that run."""
    words = Words(
        "How far are the warm-ups?",
        "a line that does not climb: TTFT does not settle, or requests fail. It ends where the replica is warm.",
        "open the replica's status page; raise warmup.deadline only if the engine compiles for that long.",
        ("LLMWarmupFailed",),
    )
    progress = Query(lowest(replica("llm_warmup_progress_ratio"), 8), "{{instance}} {{version}}")
    return lines(words, [progress], "percentunit").max(1).no_value("No warm-up runs")


def cold_start() -> timeseries.Panel:
    """How long a replica takes from its start until it is warm."""
    words = Words(
        "How long is a cold start?",
        "a new version above the old one: every scale-out and every roll gets slower, and forecasts reach that much "
        "further.",
        "look at the weights' size and the loading rate; keep compile caches on a volume. Dotted is what forecasts "
        "reckon with: 300 s where nothing was measured.",
        ("LLMSaturationForecast", "LLMWarmupFailed"),
    )
    by = f"max by (deployment, track, version) ({replica('llm_replica_cold_start_seconds')})"
    used = f"max({deployment('llm:cold_start:seconds')})"
    return lines(words, [Query(highest(by), BY_VERSION), Query(used, "forecasts reckon with", "faint")], "s")


BOARD = Board(
    "forewarn-deploy",
    "forewarn / Deploy",
    "Is the new version as good as the old one, and does the roll leave enough for the load?",
    "3h",
    (
        Cell(canary.verdicts, 16, 9),
        Cell(warming, 8, 9),
        Section("Canary beside stable, over half an hour"),
        Cell(canary.ttft_canary, 8, 7),
        Cell(canary.tpot_canary, 8, 7),
        Cell(canary.errors_canary, 8, 7),
        Cell(canary.empty_canary, 8, 7),
        Cell(canary.quality_canary, 8, 7),
        Cell(canary.cost_canary, 8, 7),
        Section("The roll"),
        Cell(versions, 8, 8),
        Cell(headroom, 8, 8),
        Cell(by_version, 8, 8),
        Cell(started, 8, 7),
        Cell(warmup, 8, 7),
        Cell(cold_start, 8, 7),
    ),
)
