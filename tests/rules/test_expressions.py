"""Lint of every expression of the pack, and proof that each lint sees what it is for."""

from __future__ import annotations

from typing import Any

import pytest

from tools.rules import lint, pack

LOADED = pack.load()


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in LOADED.rules])
def test_an_expression_can_work(rule: pack.Rule) -> None:
    """Its series, labels and values exist, its sides can match, its windows, ratios and absences are sound."""
    assert lint.problems(LOADED, rule) == []


BAD = {
    "a name that vLLM has and the sidecar has not": ("rate(vllm_preemptions_total[5m]) > 0", "nothing exports"),
    "a counter without its _total": ("rate(llm_preemptions[5m]) > 0", "nothing exports"),
    "a record that is not there": ("llm:nothing > 0", "nothing exports"),
    "a label that the series lacks": ('llm_requests_waiting{sli="ttft"} > 0', "has no label sli"),
    "grouping by a label that is not there": ("sum by (deployment, sli) (llm_requests_waiting) > 0", "no label sli"),
    "matching on a label that one side lost": (
        "llm_requests_waiting > on (instance) sum by (deployment) (llm_requests_running)",
        "on instance",
    ),
    "sides with different labels": (
        "rate(llm_requests_empty_total[5m]) / (rate(llm_requests_finished_total[5m]) > 0) > 1",
        "never matches",
    ),
    "a ratio with one side aggregated": (
        "sum by (deployment) (rate(llm_slo_violations_total[5m])) / (rate(llm_slo_requests_total[5m]) > 0) > 1",
        "never matches",
    ),
    "a track that no replica has": ('llm_replica_ready{track="baseline"} == 0', "no track is baseline"),
    "a reason that vLLM does not give": ('rate(llm_requests_finished_total{reason="failed"}[5m]) > 0', "no reason is"),
    "a reason in a regular expression": ('rate(llm_requests_finished_total{reason=~"stop|eos"}[5m]) > 0', "is eos"),
    "an upper bound that is no float": (
        'rate(llm_time_to_first_token_seconds_bucket{le="1"}[5m]) > 0',
        "le is not written 1",
    ),
    "a window of two scrapes": ("rate(llm_preemptions_total[30s]) > 0", "fewer than four scrapes"),
    "the rate of a gauge": ("rate(llm_requests_waiting[5m]) > 0", "expected a counter"),
    "the rate of a record": ("rate(llm:requests_arrived:rate5m[5m]) > 0", "expected a counter"),
    "the rate of a sum": ("rate(sum(llm_preemptions_total)[5m:1m]) > 0", "expected a counter"),
    "the resets of a difference": (
        "resets((llm_requests_waiting - llm_requests_running)[30m:15s]) > 0",
        "expected a counter",
    ),
    "the slope of a counter": ("deriv(llm_preemptions_total[5m]) > 0", "expected a gauge"),
    "a denominator that is 0 without traffic": (
        "rate(llm_queue_time_seconds_sum[5m]) / rate(llm_queue_time_seconds_count[5m]) > 1",
        "denominator can be 0",
    ),
    "a floor of nothing under a denominator": (
        "llm_requests_waiting / clamp_min(llm_requests_running, 0) > 1",
        "denominator can be 0",
    ),
    "an objective that a failed scrape ends": (
        "llm:queue_pressure:mean_1m > llm_objective_queue_pressure_ratio",
        "as last seen",
    ),
    "absence for one scrape": ("absent(llm_engine_up)", "absence must last"),
    "a target that vanished for one scrape": ("llm_engine_up offset 5m unless llm_engine_up", "absence must last"),
}


@pytest.mark.parametrize(("expr", "said"), BAD.values(), ids=BAD)
def test_lint_sees_what_is_wrong(expr: str, said: str) -> None:
    """Each mistake that shipped packs make is called by its name."""
    found = lint.problems(LOADED, _alert(expr, **({"for": "30s"} if "absence" in said else {})))
    assert any(said in problem for problem in found), found


GOOD = {
    "a guard on the denominator": (
        "rate(llm_queue_time_seconds_sum[5m]) / (rate(llm_queue_time_seconds_count[5m]) > 0) > 1"
    ),
    "a floor under the denominator": "llm_requests_waiting / clamp_min(llm_requests_running, 1) > 1",
    "a guard elsewhere in the rule": "llm_requests_waiting / llm_requests_running > 1 and llm_requests_running >= 5",
    "a count, which is never 0": "sum(llm_requests_waiting) / count(llm_requests_waiting) > 1",
    "labels through a function": 'sum by (lost) (label_replace(llm_engine_up, "lost", "$1", "pod", "(.*)")) > 1',
    "sides matched on what both have": (
        "llm_quality_score < ignoring (suite) group_left () last_over_time(llm_objective_quality_score[2m])"
    ),
    "an upper bound as the sidecar writes it": 'rate(llm_time_to_first_token_seconds_bucket{le="1.0"}[5m]) > 0',
    "absence that lasts": "absent(llm_engine_up)",
}


@pytest.mark.parametrize("expr", GOOD.values(), ids=GOOD)
def test_lint_is_quiet_about_what_is_right(expr: str) -> None:
    """Each way of being right that the lints know passes."""
    assert lint.problems(LOADED, _alert(expr, **{"for": "5m"})) == []


def _alert(expr: str, **more: Any) -> pack.Rule:  # noqa: ANN401 - YAML's values
    return pack.Rule("A", "a.rules.yml", "a", {"alert": "A", "expr": expr, **more})
