"""What every rule must have: a name, labels, annotations, a test file, a runbook, and a reader."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from forewarn import catalogue, rulepack
from tools.rules import pack

LOADED = pack.load()
ALERTS = [pytest.param(rule, id=rule.id) for rule in LOADED.alerts]
INTERFACE = frozenset(
    {
        "llm:desired_replicas",
        "llm:degradation_level",
        "llm:redundancy_spare",
        "llm:cost_usd_per_million_tokens:1h",
        "llm:cost_usd_per_million_prompt_tokens:1h",
        "llm:cost_usd_per_million_generated_tokens:1h",
        "llm:tier_cost_usd_per_million_tokens:1h",
    }
)
"""Records that are there to be read by others: autoscalers, gateways, boards."""
LEADING = {name for m in (*catalogue.METRICS, *catalogue.RESERVED) if m.leading for name in m.sample_names()}


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_says_how_severe_it_is_and_whether_it_leads(rule: pack.Rule) -> None:
    """Routing and boards read these labels."""
    assert rule.labels["severity"] in {"critical", "warning", "info"}
    assert rule.labels["component"] == "llm"
    assert rule.labels["leading"] in {"true", "false"}
    assert re.fullmatch(r"[a-z_]+", rule.labels["signal"])


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_says_what_it_means_and_where_to_go(rule: pack.Rule) -> None:
    """A constant summary, a description with the values, a runbook and a board."""
    assert set(rule.annotations) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "{{" not in rule.annotations["summary"]
    assert rule.annotations["summary"].endswith(".")
    assert "{{" in rule.annotations["description"]
    assert rule.annotations["runbook_url"] == f"{rulepack.DEFAULT_RUNBOOKS}/{rule.name}.md"
    assert rule.annotations["dashboard_url"].startswith("/d/forewarn-")


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_that_leads_reads_a_signal_that_leads(rule: pack.Rule) -> None:
    """`leading` is a claim about the catalogue's leading series, read directly or through records."""
    reads = {name for needed in LOADED.needed([*rule.reads]) for name in needed.reads} | rule.reads
    assert rule.labels["leading"] == "false" or reads & LEADING


def test_every_alert_has_its_test_file_and_its_runbook() -> None:
    """One of each for every alert, and none without its alert; other test files test records, or an alert over days."""
    tests = {name.split(".")[0] for name in pack.load_tests()}
    assert set(LOADED.alert_names) <= tests
    assert {name for name in tests if name.startswith("LLM")} <= set(LOADED.alert_names)
    assert {path.stem for path in pack.RUNBOOKS.glob("*.md")} == set(LOADED.alert_names)


def test_names_follow_the_conventions() -> None:
    """Alerts are CamelCase after LLM; records are in this pack's own namespace, never in vLLM's."""
    assert all(re.fullmatch(r"LLM([A-Z][A-Za-z]*)+", name) for name in LOADED.alert_names)
    assert all(re.fullmatch(r"llm:[a-z0-9_]+(:[a-z0-9_]+)?", name) for name in LOADED.records)


def test_no_two_rules_are_the_same_series() -> None:
    """A record has one rule; alerts of one name differ in a label."""
    assert [name for name, count in Counter(rule.id for rule in LOADED.rules).items() if count > 1] == []


def test_every_record_is_read_or_is_an_interface() -> None:
    """What nobody reads costs an evaluation each time."""
    read = {name for rule in LOADED.rules for name in rule.reads if name != rule.name}
    assert set(LOADED.records) - read - INTERFACE == set()
    assert set(LOADED.records) >= INTERFACE


def test_records_stand_before_the_rules_of_their_group_that_read_them() -> None:
    """Within a group rules are evaluated in order: a reader above would see the last evaluation's value."""
    places = {rule.name: (rule.group, place) for place, rule in enumerate(LOADED.rules) if not rule.is_alert}
    late = [
        f"{rule.id} reads {name}"
        for place, rule in enumerate(LOADED.rules)
        for name in rule.reads
        if name in places and places[name] > (rule.group, place) and places[name][0] == rule.group
    ]
    assert late == ["llm:degradation_level:last reads llm:degradation_level"]  # the level before this evaluation
