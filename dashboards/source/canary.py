"""The canary beside stable, guardrail by guardrail, as LLMCanaryRegression compares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboards.source.panels import Column, Words, grid
from dashboards.source.panels_more import by_column, in_words, lines, narrow, shaded
from dashboards.source.queries import Query, deployment, replica
from dashboards.source.queries_more import KEYS, PLACE_TITLES

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries

CANARY, STABLE = 'track="canary"', 'track="stable"'
NO_CANARY = "No canary"
COLOURS = ("orange", "blue")
"""Of the canary and of stable, in every panel."""
VERDICTS = (
    (2.0, None, "Regressed", "red"),
    (1.0, 2.0, "No regression seen", "green"),
    (None, 1.0, "Too few requests", "orange"),
)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """Both tracks in one guardrail: the share of bad answers, and what LLMCanaryRegression makes of it."""

    canary: str
    stable: str
    allowed: str
    """How much worse the canary may be: margin and noise, as in the alert."""
    judged: str
    """0 while there is too little to judge by, else 1."""
    counts: str = "1"
    """0 while the alert disregards the difference, else 1."""

    @property
    def worse(self) -> str:
        """By how much the canary is worse."""
        return f"({self.canary} - {self.stable})"

    @property
    def verdict(self) -> str:
        """0 too few requests, 1 no regression seen, 2 regressed."""
        return f"{self.judged} * (1 + ({self.worse} > bool {self.allowed}) * {self.counts})"


def _counted(bad: str, requests: str, *more: str) -> Guardrail:
    """From the counts of the last half hour, while the canary serves."""
    canary, stable = _track(bad, CANARY, *more), _track(bad, STABLE, *more)
    of_canary, of_stable = _track(requests, CANARY, *more), _track(requests, STABLE, *more)
    serves = f"and on ({KEYS}) {_track('llm:requests_finished:rate5m', CANARY)} > 0"
    noise = f"4 * sqrt(({canary} + {stable}) / ({of_canary} + {of_stable}) * (1 / {of_canary} + 1 / {of_stable}))"
    return Guardrail(
        canary=f"({canary} / ({of_canary} > 0) {serves})",
        stable=f"({stable} / ({of_stable} > 0) {serves})",
        allowed=f"(0.005 + {noise})",
        judged=f"(({of_canary} >= bool 50) * ({of_stable} >= bool 50) {serves})",
        counts=f"({canary} >= bool 5)",
    )


def _scored() -> Guardrail:
    """From the scores of golden prompts and evaluations; the share that is bad is what the score lacks to 1."""
    by = f"avg by ({KEYS}, suite)"
    canary, stable = (f"(1 - {by} ({replica('llm_quality_score', track)}))" for track in (CANARY, STABLE))
    varied = f"max by ({KEYS}, suite) (stddev_over_time({replica('llm_quality_score', STABLE)}[1d]))"
    return Guardrail(canary, stable, f"(0.05 + 2 * {varied})", f"({canary} >= bool 0)")


def _track(series: str, *matchers: str) -> str:
    return f"sum without (track) ({deployment(series, *matchers)})"


LATENCY = _counted("llm:slo_violations:count_30m", "llm:slo_requests:count_30m")
TTFT, TPOT = (
    _counted("llm:slo_violations:count_30m", "llm:slo_requests:count_30m", f'sli="{sli}"') for sli in ("ttft", "tpot")
)
ERRORS = _counted("llm:outcome_failed:count_30m", "llm:outcome_requests:count_30m")
EMPTY = _counted("llm:outcome_empty:count_30m", "llm:outcome_requests:count_30m")
QUALITY = _scored()
GUARDRAILS = (
    (LATENCY, "over budget:", '"is", "sli"'),
    (ERRORS, "errors", '"is"'),
    (EMPTY, "empty answers", '"is"'),
    (QUALITY, "failed in suite:", '"is", "suite"'),
)
"""What each is called in the table: a text, and the labels that the name is joined from."""


def verdicts() -> table.Panel:
    """One row a guardrail and canary."""
    words = Words(
        "Does the canary do worse than stable?",
        "any row *Regressed*: worse by more than margin and noise allow over half an hour, as LLMCanaryRegression "
        "judges it.",
        "stop the ramp and send the canary's traffic back; look for the cause afterwards. *Too few requests* is no "
        "pass: wait, or give the canary more traffic. Before a step of the ramp ask `forewarn gate`, which is "
        "stricter.",
        ("LLMCanaryRegression",),
    )

    def column(part: str, title: str, unit: str | None = "percentunit") -> Column:
        # Joined, not replaced: what a capture is called in label_replace, Grafana takes for a variable.
        rows = [
            f'label_join(label_replace({getattr(guardrail, part)}, "is", "{text}", "", ""), "guardrail", " ", {labels})'
            for guardrail, text, labels in GUARDRAILS
        ]
        return Column(
            Query(f"max by (cluster, namespace, deployment, guardrail) ({' or '.join(rows)})", title, unit=unit)
        )

    columns = [
        column("verdict", "Verdict", None),
        column("canary", "Canary"),
        column("stable", "Stable"),
        column("worse", "Worse by"),
        column("allowed", "Allowed"),
    ]
    panel = grid(words, columns, {"guardrail": "Guardrail", **PLACE_TITLES}, NO_CANARY)
    return in_words(narrow(by_column(panel, "Verdict", falling=True), Guardrail=155, Verdict=150), "Verdict", VERDICTS)


def ttft_canary() -> timeseries.Panel:
    """Requests over the TTFT budget."""
    words = Words(
        "Is the canary's TTFT worse?",
        "the canary above the dashed limit, which is stable's share plus margin and noise.",
        "stop the ramp. Was the canary cold? Its first requests stay in the half hour.",
        ("LLMCanaryRegression", "LLMTTFTBudgetBurn"),
    )
    return _beside(words, TTFT)


def tpot_canary() -> timeseries.Panel:
    """Requests over the TPOT budget."""
    words = Words(
        "Is the canary's TPOT worse?",
        "the canary above the dashed limit: the new version decodes more slowly, or its batch is larger.",
        "stop the ramp; compare flags and quantisation.",
        ("LLMCanaryRegression", "LLMTPOTBudgetBurn"),
    )
    return _beside(words, TPOT)


def errors_canary() -> timeseries.Panel:
    """Requests that ended with an error."""
    words = Words(
        "Does the canary fail more requests?",
        "the canary above the dashed limit.",
        "send its traffic back, then read the canary's log.",
        ("LLMCanaryRegression", "LLMErrorsAboveBaseline"),
    )
    return _beside(words, ERRORS)


def empty_canary() -> timeseries.Panel:
    """Answers without text."""
    words = Words(
        "Does the canary give more empty answers?",
        "the canary above the dashed limit. No latency shows it: an empty answer is a fast one.",
        "send its traffic back; suspect chat template, stop tokens, weights.",
        ("LLMCanaryRegression", "LLMEmptyOutputsAboveBaseline"),
    )
    return _beside(words, EMPTY)


def quality_canary() -> timeseries.Panel:
    """Golden prompts not answered as expected."""
    words = Words(
        "Does the canary answer worse?",
        "the canary's failed share above the dashed limit, which is stable's share, 5 % and what stable varied by in a "
        "day.",
        "send its traffic back; the Quality board shows which suite.",
        ("LLMCanaryRegression", "LLMQualityBelowGate"),
    )
    return _beside(words, QUALITY, "{{suite}}")


def cost_canary() -> timeseries.Panel:
    """Dollars for a million tokens, track by track."""
    words = Words(
        "Does the canary cost more?",
        "the canary stays above stable although its replicas are as busy. A canary at 1 % of traffic is dear for that "
        "reason alone.",
        "compare at like load; `forewarn gate` does so. No alert judges this.",
        ("LLMCostAboveObjective",),
    )
    queries = [
        Query(_price(CANARY), "canary {{deployment}}"),
        Query(f"{_price(STABLE)} and {_price(CANARY)}", "stable {{deployment}}"),
    ]
    return shaded(lines(words, queries, "currencyUSD"), COLOURS).no_value(NO_CANARY)


def _beside(words: Words, guardrail: Guardrail, what: str = "") -> timeseries.Panel:
    """Canary, stable, and the limit; deployments with a canary are few, so that all of them are shown."""
    queries = [
        Query(guardrail.canary, f"canary {{{{deployment}}}} {what}".strip()),
        Query(f"{guardrail.stable} and {guardrail.canary}", f"stable {{{{deployment}}}} {what}".strip()),
        Query(
            f"{guardrail.stable} + {guardrail.allowed} and {guardrail.canary}",
            f"limit {{{{deployment}}}} {what}".strip(),
            "limit",
        ),
    ]
    return shaded(lines(words, queries, "percentunit"), COLOURS).no_value(NO_CANARY)


def _price(track: str) -> str:
    """Dollars for a million tokens of a track, from ten minutes on: before, a few requests carry a whole replica."""
    by = "sum by (deployment)"
    prompt, generated = replica("llm_prompt_tokens_total", track), replica("llm_generation_tokens_total", track)
    tokens = f"({by} (rate({prompt}[30m])) + {by} (rate({generated}[30m])) and {by} ({prompt} offset 10m))"
    return f"({by} ({replica('llm_replica_cost_usd_per_hour', track)}) / ({tokens} * 3600 > 3600) * 1e6)"
