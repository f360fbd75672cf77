"""Damage: every kind changes an expression in the way it says, and what cannot be a rule is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.rules import damage, mutants, pack, promql, promtool

if TYPE_CHECKING:
    from pathlib import Path

DONE = {
    "comparison flipped": ("a > 1", {"a < 1"}),
    "comparison removed": ("a / (b > 0)", {"a / (b)"}),
    "set operator": ("a and b", {"a or b", "a unless b", "a"}),
    "metric name": ("rate(x_seconds_total[5m])", {"rate(x_seconds[5m])"}),
    "label matcher": ('a{b="c"}', {"a", 'a{b!="c"}', 'a{b="cx"}'}),
    "window": ("rate(a[5m])", {"rate(a[2m30s])", "rate(a[10m])"}),
    "offset": ("a offset 5m", {"a", "a offset 10m"}),
    "label list": ("sum by (a, b) (c)", {"sum by (b) (c)", "sum by (a) (c)"}),
    "ratio swapped": ("a / b", {"b / a"}),
    "arithmetic": ("a + b", {"a - b"}),
    "constant": ("a * 3", {"a * 6", "a * 1.5"}),
    "function": ("rate(a[5m])", {"increase(a[5m])", "irate(a[5m])"}),
    "aggregation": ("sum(a)", {"avg(a)"}),
}
MORE = [
    ("set operator", "a or b", {"a and b", "a", "b"}),
    ("set operator", "a unless b", {"a and b", "a"}),
    ("metric name", "x_sum + x_bucket", {"x_count + x_bucket", "x_sum + x"}),
    ("metric name", "llm:x:rate5m", set()),
    ("window", "max_over_time(a[1h:5m])", {"max_over_time(a[30m:5m])", "max_over_time(a[2h:5m])"}),
    ("label list", "a > on (b) c", {"a > on () c"}),
    ("ratio swapped", "a / on (b) group_left (c) d", {"d / on (b) group_right (c) a"}),
    ("constant", "6 * 3600", {"12 * 3600", "3 * 3600"}),
    ("constant", "histogram_quantile(0.5, a)", {"histogram_quantile(1, a)", "histogram_quantile(0.25, a)"}),
    ("function", "clamp_min(a, 1)", {"a"}),
    ("function", "deriv(a[5m])", {"0 * a"}),
    ("function", "avg_over_time(a[1h:5m] offset 1m)", {"max_over_time(a[1h:5m] offset 1m)", "(a)"}),
    ("function", "quantile_over_time(0.5, a[1h])", {"avg_over_time(a[1h])"}),
    ("function", "histogram_quantile(0.5, a)", {"a"}),
    ("comparison removed", "a > bool 1", set()),
]


@pytest.mark.parametrize(("kind", "text", "changed"), [*((kind, *case) for kind, case in DONE.items()), *MORE], ids=str)
def test_a_kind_of_damage_does_what_it_says(kind: str, text: str, changed: set[str]) -> None:
    """All its changes to an expression, and no others."""
    tree = promql.parse(text)
    assert {str(new) for _, new in damage.at_every_node(tree, damage.EDITS[kind])} == changed


def test_every_kind_is_shown_here() -> None:
    """A kind without an example could do nothing."""
    assert set(DONE) == set(damage.EDITS)


def test_damage_reaches_every_depth() -> None:
    """One change at a time, anywhere in the tree."""
    tree = promql.parse("sum by (a) (rate(b_total[5m])) > 2 and c < 3")
    changed = {str(new) for _, new in damage.at_every_node(tree, damage.comparison)}
    assert changed == {
        "(sum by (a) (rate(b_total[5m])) < 2) and (c < 3)",
        "(sum by (a) (rate(b_total[5m])) > 2) and (c > 3)",
    }


def _rule(expr: str, **more: str) -> pack.Rule:
    return pack.Rule("A", "a.rules.yml", "a", {"alert": "A", "expr": expr, **more})


def test_mutants_differ_from_their_rule_and_from_each_other() -> None:
    """Twice 0 is 0, which is no mutant; two ways to the same text are one."""
    found = mutants.of([_rule("a > 0 and a > 0")])
    texts = [mutant.body["expr"] for mutant in found]
    assert len(texts) == len(set(texts))
    assert "(a > 0) and (a > 0)" not in texts
    assert len({mutant.id for mutant in found}) == len(found)


def test_the_times_of_an_alert_are_damaged_too() -> None:
    """Without them, and twice as long; other fields stay."""
    found = mutants.of([_rule("a", **{"for": "2m", "keep_firing_for": "90s"})])
    assert [(m.kind, m.body.get("for"), m.body.get("keep_firing_for")) for m in found] == [
        ("for", None, "90s"),
        ("for", "4m", "90s"),
        ("keep_firing_for", "2m", None),
        ("keep_firing_for", "2m", "3m"),
    ]


def test_every_rule_is_damaged_and_every_kind_of_damage_is_done(loaded: pack.Pack) -> None:
    """No rule escapes, and no kind is there in name only."""
    assert [rule.id for rule in loaded.rules if not mutants.of([rule])] == []
    assert {mutant.kind for mutant in mutants.of(loaded.rules)} == set(damage.EDITS) | set(damage.TIMES)


def test_what_prometheus_does_not_take_is_no_mutant(tmp_path: Path) -> None:
    """Caught by the parser, it would be counted as caught by the tests."""
    rule = _rule("a")
    good = mutants.Mutant("good", rule, "x", {"alert": "A", "expr": "a > 0"})
    bad = mutants.Mutant("bad", rule, "x", {"alert": "A", "expr": "rate(a)"})
    tool = promtool.find()
    assert mutants.rejected([good, bad], tool, tmp_path) == ["bad"]
    assert mutants.rejected([good], tool, tmp_path) == []
