"""Tests of rules as they are when scrapes fail now and then: what fires on a whole record still fires.

A scrape that fails ends every series of its target until the next one that works. An alert that reads one of them as it
is then forgets how long it has waited, and with a failed scrape in every `for` it never fires.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from tools.rules import cases, promql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tools.rules.pack import Case, RuleTest

EVERY = 8
"""One scrape of so many fails, on every target at once: with scrapes of 15 s, every two minutes."""
LONGEST = 60.0
"""Longest interval between samples, in seconds, of a test that this is asked of: others feed no scrapes but hours."""
TWICE = 2
"""So many tests are taken for each rule of an alert: more of them say the same."""
OF_RULE = ("severity", "window", "guardrail", "scores")
"""Labels that tell apart the rules of one alert."""
GONE = ("_", "stale")
TARGET = ("cluster", "namespace", "job", "instance", "pod")
NUMBER = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|Inf|NaN)"
ITEM = re.compile(rf"(?P<first>_|stale|{NUMBER})(?P<step>[-+]\d+\.?\d*(?:e[-+]?\d+)?)?(?:x(?P<more>\d+))?")


def samples(values: str) -> list[str]:
    """Write promtool's notation out, one item for each scrape. Raises ValueError on what it does not know."""
    return [sample for item in values.split() for sample in _samples(item)]


def with_failures(source: RuleTest, left_out: Sequence[str] = ()) -> Mapping[str, Any] | None:
    """A test file that wants each alert to fire whenever it does in `source`, although scrapes fail; None if none does.

    The first tests of each rule are taken, without those named in `left_out`.
    """
    asked = [case for case in source.cases if _interval(case, source) <= LONGEST and case.body["name"] not in left_out]
    found = [_case(case, source) for case in _telling(asked)]
    return {**source.body, "tests": found} if found else None


def _interval(case: Case, source: RuleTest) -> float:
    return promql.seconds(str(case.body.get("interval", source.body["evaluation_interval"])))


def _telling(asked: Sequence[Case]) -> Iterator[Case]:
    """The first tests in which each rule fires."""
    seen: Counter[tuple[str, ...]] = Counter()
    for case in asked:
        rules = {
            (item["alertname"], *(str(alert["exp_labels"].get(label)) for label in OF_RULE))
            for item in case.body.get("alert_rule_test") or ()
            for alert in item.get("exp_alerts") or ()
        }
        if any(seen[rule] < TWICE for rule in rules):
            yield case
        seen.update(rules)


def _samples(item: str) -> Iterator[str]:
    parts = ITEM.fullmatch(item)
    if parts is None:
        raise ValueError(f"expected a value as promtool writes it, got {item!r}")
    if parts["first"] in GONE:
        return iter([parts["first"]] * int(parts["more"] or 1))
    if parts["more"] is None:
        return iter([parts["first"]])
    first, step = float(parts["first"]), float(parts["step"] or 0)
    return (repr(first + step * place) for place in range(int(parts["more"]) + 1))


def _case(case: Case, source: RuleTest) -> dict[str, Any]:
    looks = [
        (name, when)
        for name in sorted({item["alertname"] for item in case.body.get("alert_rule_test") or ()})
        for when, alerts in cases.states(case, name)
        if alerts
    ]
    return {
        "name": case.body["name"],
        "interval": f"{_interval(case, source):.0f}s",
        "input_series": list(_series(case.body["input_series"])),
        "promql_expr_test": [_fires(name, when) for name, when in looks],
    }


def _fires(name: str, when: float) -> dict[str, Any]:
    return {
        "expr": f'group(ALERTS{{alertname="{name}",alertstate="firing"}})',
        "eval_time": f"{when:.0f}s",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }


def _series(given: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The series with every EVERYth scrape failed, and `up` for targets where the test has none."""
    targets: dict[tuple[tuple[str, str], ...], int] = {}
    names = {str(item["series"]).partition("{")[0] for item in given}
    for item in given:
        name, _, rest = str(item["series"]).partition("{")
        fed = samples(str(item["values"]))
        if ":" in name:  # a record: no scrape brings it
            yield {"series": item["series"], "values": " ".join(fed)}
            continue
        failed = "0" if name == "up" else "stale"
        yield {"series": item["series"], "values": " ".join(_with_gaps(fed, failed))}
        labels = dict(cases.VALUE.findall(rest))
        target = tuple((label, labels[label]) for label in TARGET if label in labels)
        targets[target] = max(targets.get(target, 0), len(fed))
    for target, length in {} if "up" in names else targets.items():
        labels_of_target = ",".join(f'{label}="{value}"' for label, value in target)
        yield {"series": f"up{{{labels_of_target}}}", "values": " ".join(_with_gaps(["1"] * length, "0"))}


def _with_gaps(fed: list[str], failed: str) -> Iterator[str]:
    for place, sample in enumerate(fed):
        yield failed if place and place % EVERY == 0 and sample not in GONE else sample
