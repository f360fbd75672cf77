"""The rules of the pack as values: where each stands, what it reads, and what depends on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tools.rules import promql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
SOURCES = RULES / "v1"
TESTS = RULES / "tests"
RUNBOOKS = RULES / "runbooks"
SUFFIX = ".test.yml"
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The tests are long; the loader in C reads them ten times as fast."""
OWN_ALERTS = ("ALERTS", "ALERTS_FOR_STATE")
"""Series that Prometheus writes about alerts."""


@dataclass(frozen=True)
class Rule:
    """One rule. `id` names it among rules that share an alert's name; `body` is its YAML."""

    id: str
    file: str
    group: str
    body: Mapping[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        """The alert's name, or the recorded series'."""
        return str(self.body.get("alert") or self.body["record"])

    @property
    def is_alert(self) -> bool:
        """Whether it is an alert."""
        return "alert" in self.body

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels that the rule sets."""
        return _mapping(self.body, "labels")

    @property
    def annotations(self) -> Mapping[str, str]:
        """Texts for whoever is called."""
        return _mapping(self.body, "annotations")

    @cached_property
    def tree(self) -> promql.Node:
        """The expression."""
        return promql.parse(self.body["expr"])

    @cached_property
    def reads(self) -> frozenset[str]:
        """Names of the series that the expression reads."""
        return frozenset(selector.name for selector in promql.selectors(self.tree))


@dataclass(frozen=True)
class Pack:
    """All rules, in the order of files, groups and rules."""

    rules: tuple[Rule, ...]

    @cached_property
    def alerts(self) -> tuple[Rule, ...]:
        """The alert rules."""
        return tuple(rule for rule in self.rules if rule.is_alert)

    @cached_property
    def records(self) -> dict[str, Rule]:
        """Recorded series by name."""
        return {rule.name: rule for rule in self.rules if not rule.is_alert}

    @cached_property
    def alert_names(self) -> tuple[str, ...]:
        """Names of alerts, each once, in the order of the pack."""
        return tuple(dict.fromkeys(rule.name for rule in self.alerts))

    def needed(self, names: Iterable[str]) -> tuple[Rule, ...]:
        """The rules named, and every rule that they read, directly or through others, in the pack's order."""
        wanted, seen = list(names), set()
        while wanted:
            name = wanted.pop()
            if name not in seen:
                seen.add(name)
                wanted += [read for rule in self._by_name.get(name, ()) for read in rule.reads]
        return tuple(rule for rule in self.rules if rule.name in seen)

    @cached_property
    def _by_name(self) -> dict[str, list[Rule]]:
        found: dict[str, list[Rule]] = {}
        for rule in self.rules:
            found.setdefault(rule.name, []).append(rule)
        return found


@dataclass(frozen=True)
class Case:
    """One named test of a file."""

    file: str
    place: int
    body: Mapping[str, Any] = field(hash=False)
    head: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What its file says for all of its tests: intervals, the order of groups."""

    @cached_property
    def names(self) -> frozenset[str]:
        """Alerts and series whose state the test looks at."""
        named = {item["alertname"] for item in self.body.get("alert_rule_test") or ()}
        for item in self.body.get("promql_expr_test") or ():
            for selector in promql.selectors(promql.parse(item["expr"])):
                named.add(selector.name)
                if selector.name in OWN_ALERTS:
                    named |= {matcher.value for matcher in selector.matchers if matcher.name == "alertname"}
        return frozenset(named)


@dataclass(frozen=True)
class RuleTest:
    """A file of promtool unit tests, `name` as the alert that it is about."""

    name: str
    path: Path
    text: str

    @cached_property
    def body(self) -> Mapping[str, Any]:
        """Its YAML."""
        loaded: Mapping[str, Any] = yaml.load(self.text, Loader=LOADER)  # noqa: S506 - a safe loader, see there
        return loaded

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """Its tests."""
        head = {key: value for key, value in self.body.items() if key not in {"rule_files", "tests"}}
        return tuple(Case(self.name, place, body, head) for place, body in enumerate(self.body["tests"]))


def load(folder: Path = SOURCES) -> Pack:
    """The pack in a folder of rule files."""
    found = [
        (path.name, group["name"], body)
        for path in sorted(folder.glob("*.rules.yml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for body in group["rules"]
    ]
    names = Counter(_name(body) for _, _, body in found)
    return Pack(
        tuple(
            Rule(_name(body) + (_mark(body, found) if names[_name(body)] > 1 else ""), file, group, body)
            for file, group, body in found
        )
    )


def load_tests(folder: Path = TESTS) -> dict[str, RuleTest]:
    """The test files of a folder by the alert that each is about."""
    found = {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    return {name: RuleTest(name, path, path.read_text(encoding="utf-8")) for name, path in found.items()}


def _mapping(body: Mapping[str, Any], key: str) -> Mapping[str, str]:
    found: Mapping[str, str] = body.get(key, {})
    return found


def _name(body: Mapping[str, Any]) -> str:
    return str(body.get("alert") or body["record"])


def _mark(body: Mapping[str, Any], found: list[tuple[str, str, Mapping[str, Any]]]) -> str:
    """The last label that tells a rule from others of its name."""
    others = [other.get("labels", {}) for _, _, other in found if _name(other) == _name(body) and other is not body]
    own = body.get("labels", {})
    told = [f"{key}={value}" for key, value in own.items() if all(other.get(key) != value for other in others)]
    return f"{{{told[-1]}}}" if told else ""
