"""Quality: whether the answers are still good, and whether anybody looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.source.board import Board, Cell, Section
from dashboards.source.panels import Column, Words, counts, grid
from dashboards.source.panels_more import by_column, lines, narrow, zoomed
from dashboards.source.queries import Query, deployment, objective, replica
from dashboards.source.queries_more import PLACE_TITLES, among_highest, each, highest, lowest

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import stat, table, timeseries

SCORE, GATE = replica("llm_quality_score"), replica("llm_objective_quality_score")
AGE = f"(time() - {replica('llm_quality_evaluated_timestamp_seconds')})"
STALE = 6 * 3600
"""Seconds, as in LLMQualityStale."""
REJECTED = 'result="rejected"'
NO_SCORES = "No suite is evaluated"
SUITE, TRACK = "{{deployment}} {{track}} {{suite}}", "{{deployment}} {{track}}"
RANK = "{{instance}} rank {{engine}}"


def suites() -> table.Panel:
    """Every suite with its lowest score."""
    words = Words(
        "Which suite is nearest to its gate?",
        "a margin below 0: a model below its gate serves. An age of more than 6 h: nobody knows.",
        "roll back to the last version that passed. Replicas that differ from each other: compare their versions.",
        ("LLMQualityBelowGate", "LLMQualityStale"),
    )
    key = "cluster, namespace, deployment, track"  # no model: on a phone the margin is to be seen
    gate = f"on ({key}) group_left () max by ({key}) ({GATE})"
    lowest_score = f"min by ({key}, suite) ({SCORE})"
    columns = [
        Column(Query(f"{lowest_score} - {gate}", "Margin", unit="percentunit"), (("red", None), ("green", 0))),
        Column(Query(lowest_score, "Lowest", unit="percentunit")),
        Column(Query(f"max by ({key}, suite) ({SCORE})", "Highest", unit="percentunit")),
        Column(Query(f"max by ({key}, suite) ({AGE})", "Oldest", unit="s"), (("text", None), ("red", STALE))),
        Column(Query(f"count by ({key}, suite) ({SCORE})", "Replicas")),
    ]
    labels = {"suite": "Suite", "track": "Track", **PLACE_TITLES}
    return narrow(by_column(grid(words, columns, labels, NO_SCORES), "Margin", falling=False))


def blind() -> stat.Panel:
    """What a gate does not see."""
    words = Words(
        "Does the gate see everything?",
        "anything but 0: a gate without fresh scores lets everything through.",
        "switch golden prompts on, or look at the job that sends scores; a rejected document is named in the sidecar's "
        "log.",
        ("LLMQualityStale", "LLMQualityBelowGate"),
    )
    gated = each(replica("llm_objective_quality_score", 'model!=""'))
    evaluated = each(replica("llm_quality_evaluated_timestamp_seconds"))
    rejected = f"increase({replica('llm_quality_documents_total', REJECTED)}[1h])"
    return counts(
        words,
        [
            Query(f"sum({SCORE} < bool ignoring (suite) group_left () {GATE})", "Scores below gate"),
            Query(f"sum({AGE} > bool {STALE})", "Scores older than 6 h"),
            Query(f"count({gated} unless {evaluated}) or 0 * count({gated})", "Gates without scores"),
            Query(f"sum({rejected})", "Documents rejected, 1 h"),
        ],
    )


def scores() -> timeseries.Panel:
    """Scores against the gate."""
    words = Words(
        "Do the scores stay above their gate?",
        "a line that falls towards the dashed gate: the model is up and fast and wrong.",
        "compare with the time of the last deploy, and roll back.",
        ("LLMQualityBelowGate",),
    )
    score = lowest(f"min by (deployment, track, suite) ({SCORE})", 6)
    panel = lines(words, [Query(score, SUITE), objective("quality_score")], "percentunit")
    return zoomed(panel, 2).max(1).no_value(NO_SCORES)


def drift() -> timeseries.Panel:
    """How far the mean of six hours is above the low end of its week."""
    words = Words(
        "Do the scores drift below their own week?",
        "a line below the dashed 0: lower than nine in ten hours of the week before, and 3 points more.",
        "look for what changed slowly: template, quantisation, data, what users ask for. It is judged after a day of "
        "scores.",
        ("LLMQualityDrift",),
    )
    mean = deployment("llm:quality_score:mean")
    known = f"count_over_time({mean}[7d:1h] offset 6h) >= 24"
    above = f"avg_over_time({mean}[6h]) - (quantile_over_time(0.1, {mean}[7d:1h] offset 6h) - 0.03)"
    shown = f"bottomk(5, min_over_time({mean}[$__range] @ end()))"
    queries = [
        Query(f"{above} and {known} and {shown}", SUITE),
        Query("vector(0)", "drifts below", "limit"),
    ]
    return zoomed(lines(words, queries, "percentunit"), 2).axis_soft_min(-0.05).axis_soft_max(0.1)


def age() -> timeseries.Panel:
    """Time since the last evaluation."""
    words = Words(
        "Are the scores fresh?",
        "a line that climbs past the dashed 6 h instead of falling back to 0 with every run.",
        "find out why the suite does not run: endpoint, model name, token budget; `forewarn probe --suites` tries it "
        "by hand.",
        ("LLMQualityStale",),
    )
    oldest = highest(f"max by (deployment, track, suite) ({AGE})")
    limit = Query(f"vector({STALE})", "stale", "limit")
    return lines(words, [Query(oldest, SUITE), limit], "s").no_value(NO_SCORES)


def outcomes() -> timeseries.Panel:
    """What became of golden prompts that did not pass."""
    words = Words(
        "How do golden prompts fail?",
        "*empty*: template or stop tokens. *failed*: wrong answers. *error*: no answer, and the run does not count.",
        "ask the failing prompt by hand with `forewarn probe --suites`; compare with the last version.",
        ("LLMQualityBelowGate",),
    )
    cases = replica("llm_quality_cases_total")
    by = "sum by (deployment, suite, outcome)"
    share = f"""{by} (increase({replica("llm_quality_cases_total", 'outcome!="passed"')}[3h]))
      / on (deployment, suite) group_left () (sum by (deployment, suite) (increase({cases}[3h])) > 0)"""
    legend = "{{outcome}} {{deployment}} {{suite}}"
    return lines(words, [Query(highest(share, 6), legend)], "percentunit").no_value("No golden prompt was asked")


def empty() -> timeseries.Panel:
    """Empty answers against their baseline and noise."""
    words = Words(
        "Are more answers empty than usual?",
        "solid above dashed: more than twice the usual share and the noise of so few requests. Dotted is the usual "
        "share.",
        "compare with the time of the last deploy, and roll back. One replica alone: restart it.",
        ("LLMEmptyOutputsAboveBaseline",),
    )
    return _against_baseline(words, "empty")


def failed() -> timeseries.Panel:
    """Errors against their baseline and noise."""
    words = Words(
        "Do more requests fail than usual?",
        "solid above dashed: more than twice the usual share and the noise of so few requests. Dotted is the usual "
        "share.",
        "read the engine's log; restart or roll back if one replica or one version stands out.",
        ("LLMErrorsAboveBaseline",),
    )
    return _against_baseline(words, "failed")


def corrupted() -> timeseries.Panel:
    """Answers from NaN logits."""
    words = Words(
        "Are answers computed from NaN?",
        "anything above 0. One replica: its GPU. All of one version: its weights or kernels.",
        "take the replica out of rotation and restart it; suspect the GPU if it comes back.",
        ("LLMCorruptedOutputs",),
    )
    found = highest(f"increase({replica('llm_requests_corrupted_total')}[10m])")
    return lines(words, [Query(found, RANK)], "short").axis_soft_max(2).no_value("The engine does not count them")


def acceptance() -> timeseries.Panel:
    """Accepted share of drafted tokens, deployment by deployment."""
    words = Words(
        "How many drafted tokens are accepted?",
        "a step down costs speed. A step up towards 100 % often means repeated, broken text. Dotted is the usual "
        "share.",
        "read a few answers; compare draft model and target model after a deploy.",
        ("LLMSpecDecodeAcceptanceShift",),
    )
    by = "avg by (deployment, version)"
    now, usual = (f"{by} ({replica(f'llm:spec_decode_acceptance:ratio_{window}')})" for window in ("15m", "6h"))
    legend = "{{deployment}} {{version}}"
    queries = [
        Query(highest(now), legend),
        Query(f"{usual} and topk(5, max_over_time(({now})[$__range:1m] @ end()))", f"usual {legend}", "faint"),
    ]
    return lines(words, queries, "percentunit").max(1).no_value("No speculative decoding")


def acceptance_shift() -> timeseries.Panel:
    """How far acceptance is from the replica's own usual share."""
    words = Words(
        "Which replica's acceptance has shifted?",
        "a line outside the dashed ±20 points. Below: slower. Above: look at the text.",
        "one replica alone: restart it. All at once: what users ask for has changed, or the deploy did it.",
        ("LLMSpecDecodeAcceptanceShift",),
    )
    now, usual = (replica(f"llm:spec_decode_acceptance:ratio_{window}") for window in ("15m", "6h"))
    shift = f"{now} - {usual} offset 30m"
    furthest = f"({shift}) and topk(5, max_over_time(abs({shift})[$__range:1m] @ end()))"
    queries = [
        Query(furthest, RANK),
        Query("vector(0.2)", "+20 points", "limit"),
        Query("vector(-0.2)", "−20 points", "limit"),
    ]
    return lines(words, queries, "percentunit").min(-0.5).max(0.5)


def _against_baseline(words: Words, kind: str) -> timeseries.Panel:
    """Share of ten minutes, the usual share, and the limit of the alert."""
    finished = deployment("llm:requests_finished:count_10m")
    bad, usual = deployment(f"llm:requests_{kind}:count_10m"), deployment(f"llm:requests_{kind}:baseline_ratio")
    share = f"{bad} / ({finished} > 0)"
    limit = f"2 * {usual} + 4 * sqrt({usual} * (1 - {usual}) / ({finished} > 0))"
    shown = among_highest(f"max_over_time(({share} - ({limit}))[$__range:1m] @ end())", 2)
    queries = [
        Query(f"{share} and {shown}", TRACK),
        Query(f"{usual} and {shown}", f"usual {TRACK}", "faint"),
        Query(f"({limit}) and {shown}", f"limit {TRACK}", "limit"),
    ]
    return lines(words, queries, "percentunit").no_value("No requests finished")


BOARD = Board(
    "forewarn-quality",
    "forewarn / Quality",
    "Are the answers still good, and has anybody looked?",
    "24h",
    (
        Cell(suites, 17, 8),
        Cell(blind, 7, 8),
        Cell(scores, 10, 9),
        Cell(drift, 7, 9),
        Cell(age, 7, 9),
        Section("What users get"),
        Cell(empty, 12, 8),
        Cell(failed, 12, 8),
        Section("How it breaks"),
        Cell(outcomes, 12, 7),
        Cell(corrupted, 12, 7),
        Cell(acceptance, 12, 7),
        Cell(acceptance_shift, 12, 7),
    ),
)
