"""PromQL as a tree of frozen values: parsed by promql-parser, written back as text.

promql-parser's own nodes cannot be rebuilt with other parts, and the mutation check needs just that.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import promql_parser as parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SETS = frozenset({"and", "or", "unless"})


@dataclass(frozen=True, slots=True)
class Number:
    """A scalar."""

    value: float

    def __str__(self) -> str:
        return str(int(self.value)) if float(self.value).is_integer() else repr(self.value)


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str

    def __str__(self) -> str:
        return _quoted(self.value)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; `op` is =, !=, =~ or !~."""

    name: str
    op: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.op}{_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of a name; `window` (seconds) makes it a range, None an instant. `offset` in seconds."""

    name: str
    matchers: tuple[Matcher, ...] = ()
    window: float | None = None
    offset: float = 0

    def __str__(self) -> str:
        matchers = f"{{{','.join(map(str, self.matchers))}}}" if self.matchers else ""
        window = "" if self.window is None else f"[{duration(self.window)}]"
        return f"{self.name}{matchers}{window}{_offset(self.offset)}"


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression evaluated over a window, every `step` seconds."""

    expr: Node
    window: float
    step: float | None = None
    offset: float = 0

    def __str__(self) -> str:
        step = "" if self.step is None else duration(self.step)
        return f"{_operand(self.expr)}[{duration(self.window)}:{step}]{_offset(self.offset)}"


@dataclass(frozen=True, slots=True)
class Call:
    """A function."""

    name: str
    args: tuple[Node, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Label names after by, without, on or ignoring."""

    word: str
    labels: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.word} ({', '.join(self.labels)})"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation; `param` is that of quantile, topk and their like."""

    op: str
    expr: Node
    param: Node | None = None
    grouping: Grouping | None = None

    def __str__(self) -> str:
        grouping = f" {self.grouping} " if self.grouping else ""
        param = "" if self.param is None else f"{self.param}, "
        return f"{self.op}{grouping}({param}{self.expr})"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two sides and an operator. `many` is left or right where one side has more series than the other."""

    op: str
    left: Node
    right: Node
    matching: Grouping | None = None
    many: str = ""
    include: tuple[str, ...] = ()
    as_bool: bool = False

    def __str__(self) -> str:
        matching = f" {self.matching}" if self.matching else ""
        many = f" group_{self.many} ({', '.join(self.include)})" if self.many else ""
        as_bool = " bool" if self.as_bool else ""
        return f"{_operand(self.left)} {self.op}{as_bool}{matching}{many} {_operand(self.right)}"


@dataclass(frozen=True, slots=True)
class Paren:
    """An expression in parentheses."""

    expr: Node

    def __str__(self) -> str:
        return f"({self.expr})"


@dataclass(frozen=True, slots=True)
class Negation:
    """The negative of an expression."""

    expr: Node

    def __str__(self) -> str:
        return f"-{_operand(self.expr)}"


Node: TypeAlias = Number | Text | Selector | Subquery | Call | Aggregate | Binary | Paren | Negation
NODES = (Number, Text, Selector, Subquery, Call, Aggregate, Binary, Paren, Negation)


def parse(text: str) -> Node:
    """The tree of an expression. Raises ValueError where it is not PromQL, or uses @, which this pack does not."""
    return _node(parser.parse(text))


def children(node: Node) -> Iterator[tuple[str, int | None, Node]]:
    """Each child of a node, with its field and, in a field that is a tuple, its place."""
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, NODES):
            yield field.name, None, value
        elif field.name == "args":
            for place, item in enumerate(value):
                yield field.name, place, item


def with_child(node: Node, field: str, place: int | None, child: Node) -> Node:
    """The node with one child exchanged."""
    changed: Any = child
    if place is not None:
        items = getattr(node, field)
        changed = (*items[:place], child, *items[place + 1 :])
    fresh: dict[str, Any] = {field: changed}
    return replace(node, **fresh)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for _, _, child in children(node):
        yield from walk(child)


def selectors(node: Node) -> Iterator[Selector]:
    """Every selector of an expression."""
    return (item for item in walk(node) if isinstance(item, Selector))


def bare(node: Node) -> Node:
    """What is inside any parentheses around it."""
    while isinstance(node, Paren):
        node = node.expr
    return node


def duration(seconds: float) -> str:
    """Seconds as Prometheus writes a duration, e.g. 1h30m."""
    text, rest = "", seconds
    for unit, size in UNITS:
        whole, rest = divmod(rest, size)
        text += f"{whole:g}{unit}" if whole else ""
    return text + (f"{round(rest * 1000)}ms" if rest else "") or "0s"


def seconds(text: str) -> float:
    """A duration as Prometheus writes it, in seconds. Raises ValueError where it is none."""
    return float(parser.parse_duration(text).total_seconds())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _offset(offset: float) -> str:
    if not offset:
        return ""
    return f" offset {'-' if offset < 0 else ''}{duration(abs(offset))}"


def _operand(node: Node) -> str:
    """An operand needs no precedence rules once every operator below it stands in parentheses."""
    return f"({node})" if isinstance(node, (Binary, Negation)) else str(node)


def _node(expr: object) -> Node:
    """The tree of one of promql-parser's nodes."""
    return BUILDERS[type(expr)](expr)


def _range(expr: parser.MatrixSelector) -> Selector:
    return replace(_selector(expr.vector_selector), window=expr.range.total_seconds())


def _subquery(expr: parser.SubqueryExpr) -> Subquery:
    _no_at(expr)
    step = None if expr.step is None else expr.step.total_seconds()
    return Subquery(_node(expr.expr), _seconds(expr.range), step, _seconds(expr.offset))


def _selector(expr: parser.VectorSelector) -> Selector:
    _no_at(expr)
    operators = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    matchers = tuple(Matcher(m.name, operators[_last(m.op)], m.value) for m in expr.matchers.matchers)
    return Selector(expr.name or "", matchers, None, _seconds(expr.offset))


def _aggregate(expr: parser.AggregateExpr) -> Aggregate:
    grouping = None
    if expr.modifier is not None:
        word = "by" if expr.modifier.type == parser.AggModifierType.By else "without"
        grouping = Grouping(word, tuple(expr.modifier.labels))
    param = None if expr.param is None else _node(expr.param)
    return Aggregate(str(expr.op), _node(expr.expr), param, grouping)


def _binary(expr: parser.BinaryExpr) -> Binary:
    plain = Binary(str(expr.op), _node(expr.lhs), _node(expr.rhs))
    modifier = expr.modifier
    if modifier is None:
        return plain
    matching = None
    if modifier.matching is not None:
        word = "on" if modifier.matching.type == parser.LabelModifierType.Include else "ignoring"
        matching = Grouping(word, tuple(modifier.matching.labels))
    many = {"ManyToOne": "left", "OneToMany": "right"}.get(_last(modifier.card), "")
    return replace(
        plain, matching=matching, many=many, include=tuple(modifier.group_labels or ()), as_bool=modifier.return_bool
    )


def _last(choice: object) -> str:
    """The bare name of one of promql-parser's choices, which are no keys of a dict."""
    return str(choice).rpartition(".")[2]


def _seconds(offset: timedelta | None) -> float:
    return 0 if offset is None else offset.total_seconds()


def _no_at(expr: parser.VectorSelector | parser.SubqueryExpr) -> None:
    if expr.at is not None:
        raise ValueError(f"expected no @ modifier: {expr}")


BUILDERS: dict[type, Callable[[Any], Node]] = {
    parser.NumberLiteral: lambda expr: Number(expr.val),
    parser.StringLiteral: lambda expr: Text(expr.val),
    parser.ParenExpr: lambda expr: Paren(_node(expr.expr)),
    parser.UnaryExpr: lambda expr: Negation(_node(expr.expr)),
    parser.Call: lambda expr: Call(expr.func.name, tuple(map(_node, expr.args))),
    parser.AggregateExpr: _aggregate,
    parser.BinaryExpr: _binary,
    parser.VectorSelector: _selector,
    parser.MatrixSelector: _range,
    parser.SubqueryExpr: _subquery,
}
"""promql-parser's node → how ours is made of it."""
