"""What must hold for every expression of the pack, beyond that Prometheus takes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from forewarn.sampling.rank import SLIS
from tools.rules import promql
from tools.rules.labels import METRICS, Labels, is_scalar
from tools.rules.promql import Aggregate, Binary, Call, Node, Number, Selector, Subquery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.rules.pack import Pack, Rule

SCRAPE_INTERVAL = 15.0
"""The longest interval between scrapes that the pack is made for, in seconds."""
SHORTEST_WINDOW = 4 * SCRAPE_INTERVAL
OF_COUNTERS = frozenset({"rate", "irate", "increase", "resets"})
OF_GAUGES = frozenset({"deriv", "delta", "idelta", "predict_linear"})
VALUES: dict[str, frozenset[str]] = {
    "track": frozenset({"stable", "canary"}),
    "sli": frozenset(SLIS),
    "method": frozenset({"exact", "estimated"}),
    "reason": frozenset({"stop", "length", "abort", "error", "repetition"}),
    "schema": frozenset({"1"}),
}
"""Values that the sidecar can write, of labels that have a closed set."""
FLOAT = re.compile(r"\d+\.\d+(e[+-]\d+)?|\+Inf")
"""An upper bound as the sidecar writes it, and as Prometheus 3 stores it."""


def problems(pack: Pack, rule: Rule) -> list[str]:
    """What is wrong with a rule's expression; empty when nothing is."""
    tree = rule.tree
    return [
        *_unknown(pack, tree),
        *Labels(pack).problems(tree),
        *_values(tree),
        *_windows(tree),
        *_kinds(tree),
        *_unguarded(pack, tree),
        *_absence(rule),
        *_forgotten(tree),
    ]


def unknown(pack: Pack, tree: Node) -> list[str]:
    """Names that an expression reads and nothing exports or records."""
    labels = Labels(pack)
    return sorted({s.name for s in promql.selectors(tree) if labels.of_series(s.name) is None})


def _unknown(pack: Pack, tree: Node) -> Iterator[str]:
    return (f"nothing exports or records {name}" for name in unknown(pack, tree))


def _values(tree: Node) -> Iterator[str]:
    for selector in promql.selectors(tree):
        for matcher in selector.matchers:
            values = matcher.value.split("|") if "~" in matcher.op else [matcher.value]
            if matcher.name == "le":
                yield from (f"{selector}: le is not written {value}" for value in values if not FLOAT.fullmatch(value))
            known = VALUES.get(matcher.name)
            if known is not None:
                yield from (f"{selector}: no {matcher.name} is {value}" for value in values if value not in known)


def _windows(tree: Node) -> Iterator[str]:
    for call in _calls(tree):
        for item in call.args:
            if isinstance(item, (Selector, Subquery)) and item.window is not None and item.window < SHORTEST_WINDOW:
                yield f"{call}: the window holds fewer than four scrapes"


def _kinds(tree: Node) -> Iterator[str]:
    """Counters go into rate, gauges do not, and a sum of counters is no counter: one reset looks like many."""
    for call in _calls(tree):
        item = call.args[0] if call.args else None
        counter = isinstance(item, Selector) and _is_counter(item.name)
        fits = counter or (call.name == "resets" and _is_uptime(item))
        if call.name in OF_COUNTERS and not fits:
            yield f"{call}: expected a counter, neither a gauge nor something computed"
        if call.name in OF_GAUGES and counter:
            yield f"{call}: expected a gauge"
    for part in promql.walk(tree):
        if isinstance(part, Subquery) and isinstance(promql.bare(part.expr), Aggregate):
            yield f"{part}: record the aggregation, a subquery evaluates it anew each time"


def _is_uptime(node: Node | None) -> bool:
    """Whether it is time() less a start, over a window: it falls at each restart, though its rate says nothing."""
    tree = promql.bare(node.expr) if isinstance(node, Subquery) else None
    return (
        isinstance(tree, Binary)
        and tree.op == "-"
        and isinstance(tree.left, Call)
        and tree.left.name == "time"
        and isinstance(tree.right, Selector)
    )


def _is_counter(name: str) -> bool:
    return name in METRICS and METRICS[name].type in {"counter", "histogram"}


def _unguarded(pack: Pack, tree: Node) -> Iterator[str]:
    """A denominator without traffic must drop out, not give NaN or infinity."""
    floors = {str(promql.bare(part.left)) for part in promql.walk(tree) if isinstance(part, Binary) and _is_floor(part)}
    for part in promql.walk(tree):
        if isinstance(part, Binary) and part.op == "/" and not _is_guarded(pack, part.right, floors):
            yield f"{part}: the denominator can be 0"


def _is_guarded(pack: Pack, node: Node, floors: set[str]) -> bool:
    """Whether an expression is never 0: a floor is asked for here, elsewhere in the rule, or where it is recorded."""
    node = promql.bare(node)
    if is_scalar(node) or _is_floor(node) or str(node) in floors:
        return True
    if isinstance(node, Aggregate):
        return node.op in {"count", "group"}
    if isinstance(node, Call):
        low = node.args[1] if len(node.args) > 1 and node.name in {"clamp_min", "clamp"} else None
        averaged = node.name in {"avg_over_time", "min_over_time", "max_over_time"}
        positive = isinstance(low, Number) and low.value > 0
        return positive or (averaged and _is_guarded(pack, node.args[0], floors))
    if isinstance(node, Binary) and node.op in {"*", "+"}:
        sides = (_is_guarded(pack, node.left, floors), _is_guarded(pack, node.right, floors))
        return all(sides) if node.op == "*" else any(sides)
    if isinstance(node, Selector) and node.name in pack.records:
        return _is_guarded(pack, pack.records[node.name].tree, set())
    return False


def _is_floor(node: Node) -> bool:
    """`x > 0`, or more."""
    if not (isinstance(node, Binary) and node.op in {">", ">="} and not node.as_bool):
        return False
    bound = promql.bare(node.right)
    return isinstance(bound, Number) and (bound.value > 0 or (node.op == ">" and bound.value == 0))


def _absence(rule: Rule) -> Iterator[str]:
    """Absence for one scrape is nothing: a target that is slow once, a Prometheus that restarts."""
    if not rule.is_alert:
        return
    for part in promql.walk(rule.tree):
        absent = isinstance(part, Call) and part.name.startswith("absent")
        gone = isinstance(part, Binary) and part.op == "unless"
        waits = promql.seconds(rule.body["for"]) if "for" in rule.body else 0
        if (absent or gone) and waits < SHORTEST_WINDOW:
            yield "absence must last four scrapes: expected `for` of a minute or more"


def _forgotten(tree: Node) -> Iterator[str]:
    """A scrape that fails ends the objective for a moment, and the alert's `for` would begin anew."""
    for selector in promql.selectors(tree):
        if selector.name.startswith("llm_objective_") and selector.window is None:
            yield f"{selector}: read an objective as last seen, with last_over_time(…[2m])"


def _calls(tree: Node) -> Iterator[Call]:
    return (part for part in promql.walk(tree) if isinstance(part, Call))
