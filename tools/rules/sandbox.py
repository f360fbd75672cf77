"""Runs tests against damaged rules, on copies that hold only what each test needs, and remembers the verdicts."""

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
    from collections.abc import Callable, Iterable, Mapping, Sequence

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
    """Answers whether a test file notices a mutant."""

    pack: Pack
    promtool: Promtool
    folder: Path = FOLDER
    killers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often each case was the one that failed: likely cases are tried first, alone."""
    closures: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)
    """Names that a case looks at → ids of all rules behind them."""

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.memory = Memory(self.folder / "verdicts.json")

    def concerns(self, test: RuleTest, rule: Rule) -> list[Case]:
        """The cases of a file whose outcome a rule can change."""
        return [case for case in test.cases if rule.id in self._closure(case.names)]

    def undamaged(self, test: RuleTest) -> Verdict:
        """How a test file does on undamaged rules."""
        key = self._key(test, test.cases, None)
        return self.memory.get(key, lambda: self._fails(test, test.cases, None))

    def catches(self, test: RuleTest, mutant: Mutant) -> bool:
        """Whether a test file fails on a mutant."""
        cases = self.concerns(test, mutant.rule)
        if not cases:
            return False
        key = self._key(test, cases, mutant)
        return self.memory.get(key, lambda: self._run(test, cases, mutant)).failed

    def _run(self, test: RuleTest, cases: Sequence[Case], mutant: Mutant) -> bool:
        likely = max(cases, key=lambda case: self.killers[mutant.rule.id, case.place])
        rest = [case for case in cases if case is not likely]
        if self._fails(test, [likely], mutant):
            self.killers[mutant.rule.id, likely.place] += 1
            return True
        return bool(rest) and self._fails(test, rest, mutant)

    def _fails(self, test: RuleTest, cases: Sequence[Case], mutant: Mutant | None) -> bool:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            rules, tests = folder / "rules.yml", folder / "test.yml"
            rules.write_text(_dump(self._rules(cases, mutant)), encoding="utf-8")
            head = {key: value for key, value in test.body.items() if key != "tests"}
            body = {**head, "rule_files": [rules.name], "tests": [case.body for case in cases]}
            tests.write_text(_dump(body), encoding="utf-8")
            return not self.promtool.test(tests).passed
        finally:
            shutil.rmtree(folder)

    def _closure(self, names: frozenset[str]) -> frozenset[str]:
        if names not in self.closures:
            self.closures[names] = frozenset(rule.id for rule in self.pack.needed(names))
        return self.closures[names]

    def _rules(self, cases: Iterable[Case], mutant: Mutant | None) -> Mapping[str, Any]:
        """The rules that some cases need, in the pack's order."""
        needed = self.pack.needed({name for case in cases for name in case.names})
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for rule in needed:
            body = mutant.body if mutant is not None and rule is mutant.rule else rule.body
            groups.setdefault(rule.group, []).append(body)
        return {"groups": [{"name": name, "rules": rules} for name, rules in groups.items()]}

    def _key(self, test: RuleTest, cases: Sequence[Case], mutant: Mutant | None) -> str:
        text = self.promtool.version + json.dumps(self._rules(cases, mutant), default=str) + test.text
        return hashlib.sha256(text.encode()).hexdigest()


def _dump(tree: object) -> str:
    text: str = yaml.dump(tree, Dumper=DUMPER, sort_keys=False, width=1000)
    return text
