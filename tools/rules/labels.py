"""Which labels a series can carry: from the catalogue, through every operator of an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import catalogue
from tools.rules import promql
from tools.rules.promql import (
    Aggregate,
    Binary,
    Call,
    Grouping,
    Negation,
    Node,
    Number,
    Paren,
    Selector,
    Subquery,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.rules.pack import Pack

TARGET = frozenset({"job", "instance", "cluster", "namespace", "pod", "node", "tier"})
"""What Prometheus, its service discovery and federation put on a series."""
SCALARS = frozenset({"time", "scalar", "pi"})
"""Functions without a vector's labels."""

METRICS = {name: metric for metric in (*catalogue.METRICS, *catalogue.RESERVED) for name in metric.sample_names()}
"""Series that the sidecar exports, or may export later, by the name a query uses."""


class Labels:
    """Label names by expression: an upper bound, exact where series carry all that they may."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._records: dict[str, frozenset[str]] = {}

    def of_series(self, name: str) -> frozenset[str] | None:
        """Labels of a series by its name; None where nothing exports or records it."""
        if name == "up":
            return TARGET
        if name in METRICS:
            part = {"le"} if name.endswith("_bucket") else set()
            return TARGET | set(METRICS[name].all_labels) | part
        if name in self._pack.records:
            return self._of_record(name)
        return None

    def of(self, node: Node) -> frozenset[str]:
        """Labels of an expression's result; none of a scalar's."""
        if isinstance(node, Selector):
            return self.of_series(node.name) or frozenset()
        if isinstance(node, (Paren, Negation, Subquery)):
            return self.of(node.expr)
        if isinstance(node, Aggregate):
            return _grouped(self.of(node.expr), node.grouping)
        if isinstance(node, Call):
            return self._of_call(node)
        return self._of_binary(node) if isinstance(node, Binary) else frozenset()

    def problems(self, node: Node) -> Iterator[str]:
        """Labels that an expression names and that the series do not have, and sides that can never match."""
        for part in promql.walk(node):
            if isinstance(part, Selector):
                known = self.of_series(part.name) or frozenset()
                yield from (f"{part.name} has no label {m.name}" for m in part.matchers if m.name not in known)
            elif isinstance(part, Aggregate) and part.grouping:
                known = self.of(part.expr)
                yield from (f"{part}: no label {label}" for label in part.grouping.labels if label not in known)
            elif isinstance(part, Binary):
                yield from self._sides(part)

    def _of_record(self, name: str) -> frozenset[str]:
        if name not in self._records:
            self._records[name] = frozenset()  # a record that reads itself gets its labels from elsewhere
            rule = self._pack.records[name]
            self._records[name] = self.of(rule.tree) | set(rule.labels)
        return self._records[name]

    def _of_call(self, node: Call) -> frozenset[str]:
        if node.name in SCALARS:
            return frozenset()
        labels = frozenset[str]().union(*(self.of(item) for item in node.args))
        if node.name == "histogram_quantile":
            return labels - {"le"}
        if node.name == "label_replace" and isinstance(target := node.args[1], Text):
            return labels | {target.value}
        return labels

    def _of_binary(self, node: Binary) -> frozenset[str]:
        left, right = self.of(node.left), self.of(node.right)
        if node.op == "or":
            return left | right
        if node.op in promql.SETS or is_scalar(node.right):
            return left
        if is_scalar(node.left):
            return right
        if node.many:
            return (left if node.many == "left" else right) | set(node.include)
        return _grouped(left, _as_aggregation(node.matching)) if node.matching else left

    def _sides(self, node: Binary) -> Iterator[str]:
        if is_scalar(node.left) or is_scalar(node.right):
            return
        left, right = self.of(node.left), self.of(node.right)
        if node.matching and node.matching.word == "on":
            for label in node.matching.labels:
                if label not in left & right:
                    yield f"{node.op} on {label}, which one side lacks: {promql.bare(node.left)}"
            return
        ignored = set(node.matching.labels) if node.matching else set()
        if node.op != "or" and left - ignored != right - ignored:
            odd = ", ".join(sorted((left ^ right) - ignored))
            yield f"{node.op} never matches, for one side alone has {odd}: {promql.bare(node.left)}"


def is_scalar(node: Node) -> bool:
    """Whether an expression has no labels because it is a number."""
    node = promql.bare(node)
    if isinstance(node, (Number, Text)):
        return True
    if isinstance(node, Call):
        return node.name in SCALARS
    return isinstance(node, Binary) and is_scalar(node.left) and is_scalar(node.right)


def _grouped(labels: frozenset[str], grouping: Grouping | None) -> frozenset[str]:
    if grouping is None:
        return frozenset()
    return labels & set(grouping.labels) if grouping.word == "by" else labels - set(grouping.labels)


def _as_aggregation(matching: Grouping) -> Grouping:
    return Grouping({"on": "by", "ignoring": "without"}[matching.word], matching.labels)
