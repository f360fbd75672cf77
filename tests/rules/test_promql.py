"""The tree of an expression: what is parsed is written back, and every part can be exchanged."""

from __future__ import annotations

import pytest

from tools.rules import pack, promql

WRITTEN = {
    "sum by(a,le)(rate(x_total{a='b',c!~'d'}[5m] offset 10m))": (
        'sum by (a, le) (rate(x_total{a="b",c!~"d"}[5m] offset 10m))'
    ),
    "a > bool on(x) group_left(y) b": "a > bool on (x) group_left (y) b",
    "a + b * c": "a + (b * c)",
    "(a + b) * 2.50": "(a + b) * 2.5",
    "-a ^ 2": "-(a ^ 2)",
    "quantile(0.9, a)": "quantile(0.9, a)",
    "max_over_time(a[1h:5m] offset -1m)": "max_over_time(a[1h:5m] offset -1m)",
    "sum without (x) (a)": "sum without (x) (a)",
    'label_replace(a, "x", "$1", "y", "(\\\\d)")': 'label_replace(a, "x", "$1", "y", "(\\\\d)")',
    "a unless ignoring(b) c": "a unless ignoring (b) c",
    "123456789 * a": "123456789 * a",
}


@pytest.mark.parametrize(("text", "written"), WRITTEN.items())
def test_an_expression_is_written_as_it_was_meant(text: str, written: str) -> None:
    """Precedence, matching, grouping, windows and offsets survive; operators within operators get parentheses."""
    assert str(promql.parse(text)) == written


def test_every_expression_of_the_pack_is_read_back_as_itself(loaded: pack.Pack) -> None:
    """Nothing that the pack uses is lost between text and tree."""
    assert [str(promql.parse(str(rule.tree))) for rule in loaded.rules] == [str(rule.tree) for rule in loaded.rules]


def test_a_part_is_exchanged_without_a_trace_on_the_rest() -> None:
    """The tree is rebuilt; the old one stays as it was."""
    tree = promql.parse("rate(a_total[5m])")
    (field, place, child) = next(promql.children(tree))
    assert str(promql.with_child(tree, field, place, promql.Selector("b_total", (), 60.0))) == "rate(b_total[1m])"
    assert str(tree) == "rate(a_total[5m])"
    assert child == promql.Selector("a_total", (), 300.0)


@pytest.mark.parametrize("text", ["rate(a)", "a ==", "a @ 5", "a[5m] @ end()"])
def test_what_is_not_promql_or_not_ours_is_refused(text: str) -> None:
    """A tree stands for a valid expression, without the @ modifier."""
    with pytest.raises(ValueError, match=r".+"):
        promql.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(5400, "1h30m"), (150, "2m30s"), (12.5, "12s500ms"), (604800, "7d"), (0, "0s")]
)
def test_durations_are_written_as_prometheus_writes_them(seconds: float, text: str) -> None:
    """The text and the seconds are the same time."""
    assert promql.duration(seconds) == text
    assert seconds == 0 or promql.seconds(text) == seconds
