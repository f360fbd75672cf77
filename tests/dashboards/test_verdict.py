"""The Deploy board's verdict is LLMCanaryRegression's, case by case; and ranks are the same in every query."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from dashboards.source import canary
from dashboards.source.queries_more import among_highest
from tools.rules import pack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ALERTS = {
    rule.labels["guardrail"]: rule.body["expr"] for rule in pack.load().alerts if rule.name == "LLMCanaryRegression"
}
COUNTS = {
    "latency": (canary.LATENCY, "llm:slo_violations:count_30m", "llm:slo_requests:count_30m"),
    "errors": (canary.ERRORS, "llm:outcome_failed:count_30m", "llm:outcome_requests:count_30m"),
    "empty_outputs": (canary.EMPTY, "llm:outcome_empty:count_30m", "llm:outcome_requests:count_30m"),
}
CASES = [
    (bad, served, stable_bad, stable_served)
    for served, stable_served in ((0, 5000), (49, 5000), (50, 5000), (50, 49), (3000, 5000))
    for bad, stable_bad in itertools.product((0, 4, 5, *range(6, 160, 2)), (0, 50, 200))
    if bad <= served
]
"""Bad and served requests of canary and stable, on both sides of every bar of the alert."""


def test_every_guardrail_of_the_alert_is_judged() -> None:
    """A guardrail that the alert gains is missing here, and on the board."""
    assert ALERTS.keys() == {*COUNTS, "quality"}


@pytest.mark.parametrize("guardrail", COUNTS)
def test_regressed_is_what_the_alert_says_of_counts(tmp_path: Path, guardrail: str) -> None:
    """On every case, and each verdict occurs."""
    shown, bad, requests = COUNTS[guardrail]
    series = []
    for place, (canary_bad, served, stable_bad, stable_served) in enumerate(CASES):
        for track, pair in (("canary", (canary_bad, served)), ("stable", (stable_bad, stable_served))):
            labels = f'{{deployment="case-{place}",model="m",track="{track}",sli="ttft"}}'
            series += [
                {"series": name + labels, "values": f"{count}x10"}
                for name, count in zip((bad, requests), pair, strict=True)
            ]
            for rate in ("llm:slo_requests:rate5m", "llm:requests_finished:rate5m"):
                series.append({"series": rate + labels, "values": "1x10"})
    _agree(tmp_path, series, shown.verdict, ALERTS[guardrail], verdicts=(0, 1, 2))


def test_regressed_is_what_the_alert_says_of_quality(tmp_path: Path) -> None:
    """Where stable's scores vary, the canary may be further below them."""
    series = []
    for place, (lower, varies) in enumerate(itertools.product((0.0, 0.04, 0.06, 0.09, 0.16, 0.4), (0.0, 0.05))):
        labels = f'deployment="case-{place}",model="m",suite="s"'
        stable = " ".join(f"{0.9 + varies * (-1) ** step:.2f}" for step in range(11))
        series.append({"series": f'llm_quality_score{{{labels},track="stable"}}', "values": stable})
        series.append({"series": f'llm_quality_score{{{labels},track="canary"}}', "values": f"{0.9 - lower:.2f}x10"})
    _agree(tmp_path, series, canary.QUALITY.verdict, ALERTS["quality"], verdicts=(1, 2))


def test_a_canary_without_requests_is_not_shown(tmp_path: Path) -> None:
    """Its counts stay for half an hour; the alert ends with its requests, and so does its row."""
    series = []
    for track, rate in (("canary", 0), ("stable", 1)):
        labels = f'{{deployment="d",model="m",track="{track}"}}'
        series.append({"series": f"llm:outcome_failed:count_30m{labels}", "values": "90x10"})
        series.append({"series": f"llm:outcome_requests:count_30m{labels}", "values": "100x10"})
        series.append({"series": f"llm:requests_finished:rate5m{labels}", "values": f"{rate}x10"})
    _expect(tmp_path, series, [(_plain(canary.ERRORS.verdict), [])])


def test_ranks_do_not_choose_among_equals(tmp_path: Path) -> None:
    """All equals of the last come along, so that two queries with one rank speak of the same series."""
    series = [
        {"series": f'rank{{of="{name}"}}', "values": f"{value}x10"}
        for name, value in zip("abcde", (3, 2, 2, 2, 1), strict=True)
    ]
    found = [{"labels": f'{{of="{name}"}}', "value": 1} for name in "abcd"]
    _expect(tmp_path, series, [(f"{among_highest('rank', 2)} > bool 0", found)])


def _agree(folder: Path, series: Sequence[object], verdict: str, alert: str, verdicts: Sequence[int]) -> None:
    """Regressed exactly where the alert's condition holds."""
    regressed = f"({_plain(verdict)}) == 2"
    key = "on (deployment)"
    some = [
        (f"clamp_max(count(({_plain(verdict)}) == {value}), 1)", [{"labels": "{}", "value": 1}]) for value in verdicts
    ]
    _expect(
        folder,
        series,
        [(f"({regressed}) unless {key} ({alert})", []), (f"({alert}) unless {key} ({regressed})", []), *some],
    )


def _expect(folder: Path, series: Sequence[object], queries: Sequence[tuple[str, Sequence[object]]]) -> None:
    """Promtool finds what is expected of each query after ten minutes."""
    asked = [{"expr": expr, "eval_time": "10m", "exp_samples": samples} for expr, samples in queries]
    test = {"tests": [{"interval": "1m", "input_series": list(series), "promql_expr_test": asked}]}
    path = folder / "cases.yml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(test))), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _plain(expr: str) -> str:
    """With nothing chosen in the variables."""
    return re.sub(r"\$(deployment|model|version|instance)\b", ".*", expr)
