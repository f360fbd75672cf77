"""The kinds of damage that the tests must notice: each takes a node and says what it could be changed to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tools.rules import promql
from tools.rules.promql import Aggregate, Binary, Call, Grouping, Matcher, Node, Number, Paren, Selector, Subquery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Change = tuple[str, Node]
"""What is said about a change, and the node that takes the place of the old one."""

FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "!=", "!=": "=="}
OTHER_SETS = {"and": ("or", "unless"), "or": ("and",), "unless": ("and",)}
OTHER_ARITHMETIC = {"+": "-", "-": "+", "*": "/"}
OTHER_AGGREGATIONS = {"sum": "avg", "avg": "sum", "max": "min", "min": "max", "count": "group"}
"""`group` stands for presence alone: what takes its value reads a constant 1, so there is nothing to damage."""
OTHER_FUNCTIONS = {
    "rate": ("increase", "irate"),
    "increase": ("rate",),
    "changes": ("resets",),
    "max_over_time": ("min_over_time",),
    "min_over_time": ("max_over_time",),
    "sum_over_time": ("avg_over_time",),
    "avg_over_time": ("max_over_time",),
    "count_over_time": ("sum_over_time",),
    "floor": ("ceil",),
}
OVER_TIME = {"avg_over_time", "max_over_time", "min_over_time", "last_over_time", "predict_linear"}
"""Functions of a range whose value is like the series' own, so that the series itself can stand in for them."""
WRAPPERS = {"abs", "ceil", "floor", "clamp", "clamp_min", "clamp_max", "sqrt", "label_replace", "round"}
"""Functions of an instant that can be left out."""
COUNTERPARTS = {"_sum": "_count", "_count": "_sum", "_bucket": ""}
CLIP = 48


def at_every_node(tree: Node, edit: Callable[[Node], Iterator[Change]]) -> Iterator[Change]:
    """The tree with one change somewhere in it, for every change that `edit` has for any node."""
    yield from edit(tree)
    for field, place, child in promql.children(tree):
        for said, changed in at_every_node(child, edit):
            yield said, promql.with_child(tree, field, place, changed)


def comparison(node: Node) -> Iterator[Change]:
    """> becomes <, and so on."""
    if isinstance(node, Binary) and node.op in FLIPPED:
        yield _op(node, FLIPPED[node.op])


def comparison_removed(node: Node) -> Iterator[Change]:
    """`a > b` becomes `a`: a threshold that is always passed, a guard that is gone."""
    if isinstance(node, Binary) and node.op in FLIPPED and not node.as_bool:
        yield f"without {node.op} {_clip(node.right)}", node.left


def set_operator(node: Node) -> Iterator[Change]:
    """`and`, `or`, `unless` exchanged, or one side gone."""
    if not (isinstance(node, Binary) and node.op in promql.SETS):
        return
    for op in OTHER_SETS[node.op]:
        yield _op(node, op)
    yield f"without {node.op} {_clip(node.right)}", node.left
    if node.op == "or":
        yield f"without {_clip(node.left)} or", node.right


def metric_name(node: Node) -> Iterator[Change]:
    """`_total` or a unit dropped, one part of a histogram read for another."""
    if not isinstance(node, Selector) or ":" in node.name:
        return
    for suffix in ("_total", "_seconds", "_ratio"):
        if node.name.endswith(suffix):
            yield f"{node} without {suffix}", replace(node, name=node.name.removesuffix(suffix))
    for suffix, other in COUNTERPARTS.items():
        if node.name.endswith(suffix):
            name = node.name.removesuffix(suffix) + other
            yield f"{node.name} → {name}", replace(node, name=name)


def label_matcher(node: Node) -> Iterator[Change]:
    """A condition on a label dropped, negated, or asking for another value."""
    if not isinstance(node, Selector):
        return
    for place, matcher in enumerate(node.matchers):
        rest = node.matchers[:place], node.matchers[place + 1 :]
        yield f"{node} without {matcher}", replace(node, matchers=(*rest[0], *rest[1]))
        negated = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}[matcher.op]
        for other in (replace(matcher, op=negated), Matcher(matcher.name, matcher.op, matcher.value + "x")):
            yield f"{node}: {matcher} → {other}", replace(node, matchers=(*rest[0], other, *rest[1]))


def window(node: Node) -> Iterator[Change]:
    """Half and double the time that is looked at."""
    if isinstance(node, (Selector, Subquery)) and node.window is not None:
        for factor in (0.5, 2):
            changed = replace(node, window=node.window * factor)
            yield f"{_clip(node)}: window → {promql.duration(changed.window or 0)}", changed


def offset(node: Node) -> Iterator[Change]:
    """Looks at now instead of the past, or twice as far back."""
    if isinstance(node, (Selector, Subquery)) and node.offset:
        yield f"{_clip(node)}: no offset", replace(node, offset=0)
        yield f"{_clip(node)}: offset doubled", replace(node, offset=node.offset * 2)


def label_list(node: Node) -> Iterator[Change]:
    """One label less after by, without, on or ignoring."""
    if isinstance(node, Aggregate) and node.grouping:
        for label, shorter in _shorter(node.grouping):
            yield (
                f"{node.op} {node.grouping.word} without {label} of {_clip(node.expr)}",
                replace(node, grouping=shorter),
            )
    if isinstance(node, Binary) and node.matching:
        for label, shorter in _shorter(node.matching):
            yield (
                f"{node.op} {node.matching.word} without {label} before {_clip(node.right)}",
                replace(node, matching=shorter),
            )


def ratio(node: Node) -> Iterator[Change]:
    """Numerator and denominator exchanged."""
    if isinstance(node, Binary) and node.op == "/":
        many = {"left": "right", "right": "left"}.get(node.many, "")
        yield (
            f"{_clip(node.left)} / {_clip(node.right)} swapped",
            replace(node, left=node.right, right=node.left, many=many),
        )


def arithmetic(node: Node) -> Iterator[Change]:
    """+ for -, / for *, and the reverse."""
    if isinstance(node, Binary) and node.op in OTHER_ARITHMETIC:
        yield _op(node, OTHER_ARITHMETIC[node.op])


def constant(node: Node) -> Iterator[Change]:
    """A number doubled and halved. Of two numbers multiplied, one: the other gives the same product."""
    if not isinstance(node, (Binary, Call)):
        return
    where = node.name if isinstance(node, Call) else f"{_clip(node.left)} {node.op} {_clip(node.right)}"
    for field, place, child in promql.children(node):
        product = isinstance(node, Binary) and node.op == "*" and isinstance(node.left, Number)
        if isinstance(child, Number) and not (product and field == "right"):
            for factor in (2, 0.5):
                other = Number(child.value * factor)
                yield f"{other} for {child} in {where}", promql.with_child(node, field, place, other)


def function(node: Node) -> Iterator[Change]:
    """A function exchanged for its neighbour, or left out."""
    if not isinstance(node, Call):
        return
    for other in OTHER_FUNCTIONS.get(node.name, ()):
        yield f"{other} for {_clip(node)}", replace(node, name=other)
    if node.name in WRAPPERS:
        yield f"without {node.name} of {_clip(node.args[0])}", node.args[0]
    elif node.name in OVER_TIME:
        yield f"without {node.name} of {_clip(node.args[0])}", _instant(node.args[0])
    elif node.name == "histogram_quantile":
        yield f"without {node.name} of {_clip(node.args[1])}", node.args[1]
    elif node.name == "quantile_over_time":
        yield f"avg_over_time for {_clip(node)}", Call("avg_over_time", node.args[1:])
    elif node.name in {"deriv", "stddev_over_time"}:
        yield f"0 for {_clip(node)}", Binary("*", Number(0), _instant(node.args[0]))


def aggregation(node: Node) -> Iterator[Change]:
    """One way of aggregating for another: sum for avg, max for min."""
    if isinstance(node, Aggregate) and node.op in OTHER_AGGREGATIONS:
        other = OTHER_AGGREGATIONS[node.op]
        yield f"{other} for {node.op} of {_clip(node.expr)}", replace(node, op=other)


EDITS: Mapping[str, Callable[[Node], Iterator[Change]]] = {
    "comparison flipped": comparison,
    "comparison removed": comparison_removed,
    "set operator": set_operator,
    "metric name": metric_name,
    "label matcher": label_matcher,
    "window": window,
    "offset": offset,
    "label list": label_list,
    "ratio swapped": ratio,
    "arithmetic": arithmetic,
    "constant": constant,
    "function": function,
    "aggregation": aggregation,
}
"""Kind of damage → how it is done to an expression."""

TIMES = ("for", "keep_firing_for")
"""Fields of an alert that are damaged too: removed, and doubled."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage done once: `expr` is the whole damaged expression."""

    kind: str
    said: str
    expr: Node


def all_of(tree: Node) -> Iterator[Damage]:
    """Every damage to an expression."""
    for kind, edit in EDITS.items():
        for said, changed in at_every_node(tree, edit):
            yield Damage(kind, said, changed)


def _op(node: Binary, op: str) -> Change:
    return f"{op} for {node.op} before {_clip(node.right)}", replace(node, op=op)


def _shorter(grouping: Grouping) -> Iterator[tuple[str, Grouping]]:
    for label in grouping.labels:
        yield label, replace(grouping, labels=tuple(other for other in grouping.labels if other != label))


def _instant(node: Node) -> Node:
    if isinstance(node, Subquery):
        return Paren(node.expr)
    return replace(node, window=None) if isinstance(node, Selector) else node


def _clip(node: Node) -> str:
    text = str(promql.bare(node))
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"
