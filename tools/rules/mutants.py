"""Damaged rules: every damage to every rule that still is valid and differs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.rules import damage, promql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tools.rules.pack import Rule
    from tools.rules.promtool import Promtool


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged rule. `id` says to a person which rule it was and what is different."""

    id: str
    rule: Rule
    kind: str
    body: Mapping[str, Any] = field(hash=False)


def of(rules: Iterable[Rule]) -> list[Mutant]:
    """The mutants of some rules."""
    return [mutant for rule in rules for mutant in _of_one(rule)]


def rejected(mutants: Iterable[Mutant], promtool: Promtool, folder: Path) -> list[str]:
    """Ids of the mutants that promtool does not take as rules: caught by the parser, they would prove nothing."""
    refused = []
    by_name = {f"m{place}": mutant for place, mutant in enumerate(mutants)}
    path = folder / "all.rules.yml"
    groups = [{"name": name, "rules": [mutant.body]} for name, mutant in by_name.items()]
    path.write_text(json.dumps({"groups": groups}), encoding="utf-8")
    outcome = promtool.run("check", "rules", str(path))
    if not outcome.passed:
        refused = [mutant.id for name, mutant in by_name.items() if f'"{name}"' in outcome.said]
        if not refused:
            raise RuntimeError(f"promtool rejects the mutants without naming one: {outcome.said[:400]}")
    return refused


def _of_one(rule: Rule) -> Iterator[Mutant]:
    seen = {str(rule.tree)}
    counted: Counter[str] = Counter()
    for done in damage.all_of(rule.tree):
        text = str(done.expr)
        if text in seen or not _parses(text):
            continue
        seen.add(text)
        yield _mutant(rule, done.kind, done.said, {**rule.body, "expr": text}, counted)
    for key in damage.TIMES:
        if key in rule.body:
            yield from _timed(rule, key, counted)


def _timed(rule: Rule, key: str, counted: Counter[str]) -> Iterator[Mutant]:
    without = {name: value for name, value in rule.body.items() if name != key}
    yield _mutant(rule, key, "gone", without, counted)
    doubled = promql.duration(2 * promql.seconds(rule.body[key]))
    yield _mutant(rule, key, "doubled", {**rule.body, key: doubled}, counted)


def _mutant(rule: Rule, kind: str, said: str, body: Mapping[str, Any], counted: Counter[str]) -> Mutant:
    name = f"{rule.id} | {kind} | {said}"
    counted[name] += 1
    return Mutant(name if counted[name] == 1 else f"{name} #{counted[name]}", rule, kind, body)


def _parses(text: str) -> bool:
    try:
        promql.parse(text)
    except ValueError:
        return False
    return True
