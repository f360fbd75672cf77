"""The test files show what each alert promises, and hang on no order of groups that promtool leaves open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.rules import cases, pack

LOADED = pack.load()
TESTS = pack.load_tests()


@pytest.mark.parametrize("name", LOADED.alert_names)
def test_the_tests_of_an_alert_show_what_it_promises(name: str) -> None:
    """It fires at its time and not before, resolves, tells two apart; quiet when healthy, idle, blind, reset, brief."""
    assert cases.problems(LOADED, name, TESTS.values()) == []


@pytest.mark.parametrize("test", [pytest.param(test, id=name) for name, test in TESTS.items()])
def test_a_test_file_is_about_the_pack(test: pack.RuleTest) -> None:
    """It reads files of the pack and no others; every test has a name of its own."""
    files = {(test.path.parent / name).resolve() for name in test.body["rule_files"]}
    names = [case.body.get("name") for case in test.cases]
    assert files <= set(pack.SOURCES.resolve().glob("*.rules.yml"))
    assert all(names)
    assert len(names) == len(set(names))
    assert list(cases.unordered(LOADED, test)) == []


SMALL = pack.Pack(
    (
        pack.Rule("llm:a", "a.yml", "records", {"record": "llm:a", "expr": "rate(llm_preemptions_total[5m])"}),
        pack.Rule("A", "a.yml", "alerts", {"alert": "A", "expr": "llm:a > 0", "for": "2m"}),
    )
)
ALERT: dict[str, Any] = {
    "exp_labels": {"severity": "s", "component": "c", "signal": "s", "leading": "l", "deployment": "sick"},
    "exp_annotations": {"summary": "s", "description": "d", "runbook_url": "r", "dashboard_url": "d"},
}
SERIES = [{"series": f'llm_preemptions_total{{deployment="{name}"}}', "values": "0"} for name in ("sick", "well")]


def _look(when: str, *alerts: dict[str, Any], name: str = "A") -> dict[str, Any]:
    return {"eval_time": when, "alertname": name, "exp_alerts": list(alerts)}


def _file(**changed: Any) -> pack.RuleTest:  # noqa: ANN401 - YAML's values
    """A test file that shows everything, but for what is changed."""
    whole: dict[str, Any] = {
        "name": "fires and resolves; busy, idle, less than two minutes, a reset",
        "input_series": SERIES,
        "alert_rule_test": [_look("1m"), _look("2m", ALERT), _look("5m")],
    }
    blind = {"name": "blind", "alert_rule_test": [_look("5m"), _look("5m", ALERT, name="LLMSignalMissing")]}
    body = {
        "evaluation_interval": "1m",
        "group_eval_order": changed.pop("group_eval_order", ["records", "alerts"]),
        "tests": [whole | changed, changed.get("blind", blind)],
    }
    return pack.RuleTest("A", Path("A.test.yml"), yaml.safe_dump(body))


def test_a_file_that_shows_everything_has_no_problem() -> None:
    """The requirements can be met."""
    assert cases.problems(SMALL, "A", [_file()]) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"alert_rule_test": [_look("1m"), _look("9m", ALERT), _look("15m")]}, "fires, and not before"),
        ({"alert_rule_test": [_look("1m"), _look("2m", ALERT)]}, "resolves"),
        ({"input_series": SERIES[:1]}, "of two, only the sick one"),
        ({"blind": {"name": "blind", "alert_rule_test": [_look("5m")]}}, "blind, and another alert says so"),
        ({"name": "idle, less than two minutes, a reset"}, "healthy"),
        ({"name": "busy, less than two minutes, a reset"}, "idle"),
        ({"name": "busy, idle, a reset"}, "under `for`"),
        ({"name": "busy, idle, less than two minutes"}, "reset"),
        ({"group_eval_order": ["alerts", "records"]}, "records before alerts"),
        ({"group_eval_order": []}, "records before alerts"),
        (
            {
                "alert_rule_test": [
                    _look("1m"),
                    _look("2m", {**ALERT, "exp_annotations": {"summary": "s"}}),
                    _look("5m"),
                ]
            },
            "expected without dashboard_url, description, runbook_url",
        ),
        (
            {
                "alert_rule_test": [
                    _look("1m"),
                    _look("2m", {**ALERT, "exp_labels": {"deployment": "sick"}}),
                    _look("5m"),
                ]
            },
            "expected without component, leading, severity, signal",
        ),
    ],
)
def test_what_a_file_does_not_show_is_said(changed: dict[str, Any], said: str) -> None:
    """Each promise, and each way to leave an outcome to chance."""
    assert any(said in problem for problem in cases.problems(SMALL, "A", [_file(**changed)]))


def test_samples_of_alerts_count_as_looks() -> None:
    """A test may ask ALERTS instead of expecting alerts."""
    expr = 'count(ALERTS{alertname="LLMExporterDown",alertstate="firing"})'
    blind = {
        "name": "blind",
        "alert_rule_test": [_look("5m")],
        "promql_expr_test": [{"expr": expr, "eval_time": "5m", "exp_samples": [{"value": 1}]}],
    }
    assert cases.problems(SMALL, "A", [_file(blind=blind)]) == []


def test_a_record_that_is_fed_needs_no_order() -> None:
    """Its own rule has no input then, so it does not matter when that is evaluated."""
    fed = [{"series": 'llm:a{deployment="sick"}', "values": "1"}, {"series": 'llm:a{deployment="well"}', "values": "0"}]
    blind = {"name": "blind", "alert_rule_test": [_look("5m", ALERT, name="LLMSignalMissing")]}
    assert not list(cases.unordered(SMALL, _file(group_eval_order=[], input_series=fed, blind=blind)))
