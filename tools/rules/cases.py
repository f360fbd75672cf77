"""What the test files of an alert must show, read from the tests themselves and, where that cannot be, their names."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tools.rules import promql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tools.rules.pack import Case, Pack, Rule, RuleTest

ALERT_LABELS = frozenset({"severity", "component", "signal", "leading"})
ANNOTATIONS = frozenset({"summary", "description", "runbook_url", "dashboard_url"})
BLIND = frozenset({"LLMSignalMissing", "LLMExporterDown", "LLMEngineDown"})
"""Alerts that fire instead, where another one is blind."""
NAMED = {
    "healthy": re.compile(r"\b(busy|healthy|fine|works?|warm|noise|overloaded|same load|with a spare)\b"),
    "idle": re.compile(r"\b(idles?)\b"),
    "under `for`": re.compile(
        r"\b(less than|within|under|burst|moment|half a minute|\d+ seconds|minutes? late|away|own wait)\b"
    ),
    "reset": re.compile(r"\b(resets?|restart(s|ed)?|starts? again)\b"),
}
"""What a test's name must say, once for each alert."""
EDGE = 3
"""Most evaluations between the last quiet look and the first that fires."""
VALUE = re.compile(r'(\w+)="([^"]*)"')


def problems(pack: Pack, name: str, tests: Iterable[RuleTest]) -> list[str]:
    """What the tests of an alert do not show; empty when nothing is missing."""
    files = [test for test in tests if test.name.split(".")[0] == name]
    cases = [case for test in files for case in test.cases]
    rules = [rule for rule in pack.alerts if rule.name == name]
    steps = {case: promql.seconds(test.body["evaluation_interval"]) for test in files for case in test.cases}
    shown = {
        "fires, and not before": any(_edge(case, name, steps[case]) for case in cases),
        "resolves": any(_resolves(case, name) for case in cases),
        "of two, only the sick one": any(_tells_apart(case, name) for case in cases),
        "blind, and another alert says so": name in BLIND or any(_blind(case, name) for case in cases),
    }
    wanted = {key: pattern for key, pattern in NAMED.items() if _applies(key, pack, rules)}
    names = " / ".join(str(case.body.get("name", "")) for case in cases)
    shown |= {key: bool(pattern.search(names)) for key, pattern in wanted.items()}
    return [
        *(f"no test shows: {key}" for key, there in shown.items() if not there),
        *(problem for case in cases for problem in _incomplete(case)),
        *(problem for test in files for problem in unordered(pack, test)),
    ]


def unordered(pack: Pack, test: RuleTest) -> Iterator[str]:
    """Groups whose order the outcome hangs on and that group_eval_order leaves to chance.

    promtool evaluates groups that are not listed in no fixed order.
    """
    order = list(test.body.get("group_eval_order") or ())
    for case in test.cases:
        fed = {str(item["series"]).partition("{")[0] for item in case.body.get("input_series") or ()}
        needed = pack.needed(case.names)
        groups = {rule.name: rule.group for rule in needed if not rule.is_alert and rule.name not in fed}
        pairs = {(groups[read], rule.group) for rule in needed for read in rule.reads if read in groups}
        for first, then in sorted(pairs):
            ordered = first in order and then in order and order.index(first) < order.index(then)
            if first != then and not ordered:
                yield f"{test.path.name}: group_eval_order must have {first} before {then}"
                return


def _applies(key: str, pack: Pack, rules: Sequence[Rule]) -> bool:
    if key == "under `for`":
        return any("for" in rule.body for rule in rules)
    if key == "reset":
        reads = {read for rule in rules for needed in pack.needed([rule.name]) for read in needed.reads}
        return any(read.endswith(("_total", "_bucket", "_sum", "_count")) for read in reads)
    return True


def states(case: Case, name: str) -> list[tuple[float, list[Mapping[str, Any]]]]:
    """When the case looks at the alert, and what is expected then: alerts, or samples of ALERTS that fire."""
    alerts = [
        (str(item["eval_time"]), item.get("exp_alerts") or [])
        for item in case.body.get("alert_rule_test") or ()
        if item["alertname"] == name
    ]
    samples = [
        (str(item["eval_time"]), item.get("exp_samples") or [])
        for item in case.body.get("promql_expr_test") or ()
        if _looks_at(item["expr"], name)
    ]
    return sorted(((promql.seconds(when), found) for when, found in alerts + samples), key=lambda state: state[0])


def _looks_at(expr: str, name: str) -> bool:
    return "ALERTS" in expr and any(
        {"alertname": name, "alertstate": "firing"}.items() <= {m.name: m.value for m in selector.matchers}.items()
        for selector in promql.selectors(promql.parse(expr))
    )


def _edge(case: Case, name: str, step: float) -> bool:
    """Quiet, then fires, few steps apart: Prometheus 3 may be one or two later."""
    return any(
        not before and after and then - first <= EDGE * step
        for (first, before), (then, after) in pairwise(states(case, name))
    )


def _resolves(case: Case, name: str) -> bool:
    fired = False
    for _, alerts in states(case, name):
        if fired and not alerts:
            return True
        fired = fired or bool(alerts)
    return False


def _tells_apart(case: Case, name: str) -> bool:
    """More deployments, or targets, are fed than fire."""
    fed = [dict(VALUE.findall(str(item["series"]))) for item in case.body.get("input_series") or ()]
    for label in ("deployment", "instance", "node"):
        there = {labels[label] for labels in fed if label in labels}
        for _, alerts in states(case, name):
            firing = {str(alert.get("exp_labels", {}).get(label)) for alert in alerts}
            if alerts and firing < there:
                return True
    return False


def _blind(case: Case, name: str) -> bool:
    looks = states(case, name)
    return (
        bool(looks)
        and not any(alerts for _, alerts in looks)
        and any(alerts for other in BLIND for _, alerts in states(case, other))
    )


def _incomplete(case: Case) -> Iterator[str]:
    """An alert is expected with all labels and all texts, or the test would pass on wrong ones."""
    for item in case.body.get("alert_rule_test") or ():
        for alert in item.get("exp_alerts") or ():
            missing = (ALERT_LABELS - set(alert.get("exp_labels", {}))) | (
                ANNOTATIONS - set(alert.get("exp_annotations", {}))
            )
            if missing:
                yield f"{case.body.get('name')}: {item['alertname']} expected without {', '.join(sorted(missing))}"
