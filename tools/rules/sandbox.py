"""Runs tests against damaged rules, each case alone on the rules that it needs, and remembers the verdicts."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import yaml

from tools.rules.pack import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tools.rules.mutants import Mutant
    from tools.rules.pack import Case, Pack, Rule, RuleTest
    from tools.rules.promtool import Promtool

FOLDER = ROOT / ".mutants"
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether tests failed, and how long they took (seconds)."""

    failed: bool
    seconds: float


class Memory:
    """Verdicts by the hash of what was run: a run after a small change runs little."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self._known = {key: Verdict(*value) for key, value in known.items()}

    def failed(self, key: str) -> bool:
        """Whether a run is known, and to have failed."""
        verdict = self._known.get(key)
        return verdict is not None and verdict.failed

    def get(self, key: str, run: Callable[[], bool]) -> Verdict:
        """What is known, or what `run` finds now."""
        if key not in self._known:
            began = time.monotonic()
            failed = run()
            with self._lock:
                self._known[key] = Verdict(failed, time.monotonic() - began)
        return self._known[key]

    def save(self) -> None:
        """Write all down, whole or not at all."""
        with self._lock:
            known = {key: (verdict.failed, round(verdict.seconds, 3)) for key, verdict in self._known.items()}
        written = self._path.with_suffix(".part")
        written.write_text(json.dumps(known), encoding="utf-8")
        written.replace(self._path)


@dataclass
class Sandbox:
    """Answers whether a case notices a mutant."""

    pack: Pack
    promtool: Promtool
    folder: Path = FOLDER
    killers: Counter[tuple[str, Case]] = field(default_factory=Counter)
    """How many mutants of a rule each case caught: likely cases are tried first."""
    closures: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)
    """Names that a case looks at → ids of all rules behind them."""
    texts: dict[Case, str] = field(default_factory=dict)
    """Case → what its test file says."""

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.memory = Memory(self.folder / "verdicts.json")

    def concerns(self, test: RuleTest, rule: Rule) -> list[Case]:
        """The cases of a file whose outcome a rule can change."""
        return [case for case in test.cases if rule.id in self._closure(case.names)]

    def undamaged(self, case: Case) -> Verdict:
        """How a case does on undamaged rules."""
        return self._verdict(case, self._rules(case, None))

    def catches(self, cases: Iterable[Case], mutant: Mutant) -> bool:
        """Whether any of some cases fails on a mutant. They run one by one: a new case leaves old verdicts true."""
        damaged = {case: self._rules(case, mutant) for case in cases}
        if any(self.memory.failed(self._key(case, rules)) for case, rules in damaged.items()):
            return True
        for case in sorted(damaged, key=lambda case: -self.killers[mutant.rule.id, case]):
            if self._verdict(case, damaged[case]).failed:
                self.killers[mutant.rule.id, case] += 1
                return True
        return False

    def _verdict(self, case: Case, rules: Mapping[str, Any]) -> Verdict:
        return self.memory.get(self._key(case, rules), lambda: self._fails(rules, self._test(case)))

    def _key(self, case: Case, rules: Mapping[str, Any]) -> str:
        if case not in self.texts:
            self.texts[case] = json.dumps(self._test(case), default=str)
        text = f"{self.promtool.version}[{json.dumps(rules, default=str)}, {self.texts[case]}]"
        return hashlib.sha256(text.encode()).hexdigest()

    def _test(self, case: Case) -> Mapping[str, Any]:
        """A test file of one case, with the order of those groups that it needs."""
        test = {**case.head, "rule_files": ["rules.yml"], "tests": [case.body]}
        if order := case.head.get("group_eval_order"):
            names = {rule.group for rule in self.pack.needed(case.names)}
            test["group_eval_order"] = [name for name in order if name in names]
        return test

    def _fails(self, rules: Mapping[str, Any], test: Mapping[str, Any]) -> bool:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            (folder / "rules.yml").write_text(_dump(rules), encoding="utf-8")
            (folder / "test.yml").write_text(_dump(test), encoding="utf-8")
            return not self.promtool.test(folder / "test.yml").passed
        finally:
            shutil.rmtree(folder)

    def _closure(self, names: frozenset[str]) -> frozenset[str]:
        if names not in self.closures:
            self.closures[names] = frozenset(rule.id for rule in self.pack.needed(names))
        return self.closures[names]

    def _rules(self, case: Case, mutant: Mutant | None) -> Mapping[str, Any]:
        """The rules that a case needs, in the pack's order."""
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for rule in self.pack.needed(case.names):
            body = mutant.body if mutant is not None and rule is mutant.rule else rule.body
            groups.setdefault(rule.group, []).append(body)
        return {"groups": [{"name": name, "rules": rules} for name, rules in groups.items()]}


def _dump(tree: object) -> str:
    text: str = yaml.dump(tree, Dumper=DUMPER, sort_keys=False, width=1000)
    return text
