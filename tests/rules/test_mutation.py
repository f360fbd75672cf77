"""The mutation check itself: what it runs, what it counts, and when it fails."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.rules import mutants, mutation, pack, sandbox, survivors
from tools.rules.promtool import Outcome, Promtool

PACK = pack.Pack(
    (
        pack.Rule("llm:a", "a.yml", "records", {"record": "llm:a", "expr": "rate(a_total[5m])"}),
        pack.Rule("llm:b", "a.yml", "records", {"record": "llm:b", "expr": "rate(b_total[5m])"}),
        pack.Rule("A", "a.yml", "alerts", {"alert": "A", "expr": "llm:a > 1", "for": "1m"}),
        pack.Rule("B", "a.yml", "alerts", {"alert": "B", "expr": "llm:a + llm:b > 1"}),
    )
)


def _test(name: str, *alerts: str) -> pack.RuleTest:
    cases = [{"name": alert, "alert_rule_test": [{"eval_time": "1m", "alertname": alert}]} for alert in alerts]
    return pack.RuleTest(name, Path(f"{name}.test.yml"), yaml.safe_dump({"rule_files": ["x"], "tests": cases}))


TESTS = {name: _test(name, *alerts) for name, alerts in {"A": ("A", "B"), "B": ("B",), "records": ("A",)}.items()}


@dataclass(frozen=True)
class Fake(Promtool):
    """A promtool whose tests fail on what `fails` says of the rules; it keeps what it was given."""

    fails: Any = field(default=lambda _: False, hash=False)
    given: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list, hash=False)

    def run(self, *arguments: str) -> Outcome:
        """Judge the files instead of running anything."""
        path = Path(arguments[-1])
        if arguments[:2] == ("check", "rules"):
            return Outcome(passed=True, said="")
        if arguments[:2] != ("test", "rules"):
            return Outcome(passed=True, said="promtool of a test")
        rules = yaml.safe_load((path.parent / "rules.yml").read_text(encoding="utf-8"))
        self.given.append((rules, yaml.safe_load(path.read_text(encoding="utf-8"))))
        return Outcome(passed=not self.fails(rules), said="")


def _texts(rules: dict[str, Any]) -> set[str]:
    return {rule["expr"] for group in rules["groups"] for rule in group["rules"]}


ORIGINAL = {rule.body["expr"] for rule in PACK.rules}


def _box(tmp_path: Path, fake: Fake) -> sandbox.Sandbox:
    return sandbox.Sandbox(PACK, fake, tmp_path / "mutants")


def _mutant(rule: pack.Rule) -> mutants.Mutant:
    return mutants.of([rule])[0]


def test_a_test_sees_only_the_rules_that_it_needs(tmp_path: Path) -> None:
    """The rest of the pack costs time and cannot change the outcome."""
    fake = Fake(("x",))
    _box(tmp_path, fake).undamaged(TESTS["records"].cases[0])
    rules, test = fake.given[0]
    assert _texts(rules) == {"rate(a_total[5m])", "llm:a > 1"}
    assert test["rule_files"] == ["rules.yml"]


def test_the_mutant_stands_in_for_its_rule(tmp_path: Path) -> None:
    """At its place, with the others undamaged."""
    fake = Fake(("x",))
    mutant = _mutant(PACK.rules[0])
    assert not _box(tmp_path, fake).catches(TESTS["B"].cases, mutant)
    assert _texts(fake.given[0][0]) == {mutant.body["expr"], "rate(b_total[5m])", "llm:a + llm:b > 1"}
    assert list((tmp_path / "mutants").glob("tmp*")) == []


def test_only_groups_that_are_there_are_ordered(tmp_path: Path) -> None:
    """So that a group that is named elsewhere, or renamed, leaves the verdicts of a case alone."""
    fake = Fake(("x",))
    case = replace(TESTS["records"].cases[0], head={"group_eval_order": ["others", "records", "alerts"]})
    _box(tmp_path, fake).undamaged(case)
    assert fake.given[0][1]["group_eval_order"] == ["records", "alerts"]


def test_cases_that_the_rule_cannot_change_do_not_run(tmp_path: Path) -> None:
    """A mutant of llm:b matters to B alone."""
    fake = Fake(("x",))
    concerned = mutation.concerned(_box(tmp_path, fake), {"A": TESTS["A"]}, PACK.rules[1])
    assert [case.body["name"] for case in concerned] == ["B"]


def test_the_case_that_caught_others_runs_first(tmp_path: Path) -> None:
    """Most mutants need no other."""
    fake = Fake(("x",), fails=lambda rules: "llm:a + llm:b > 1" in _texts(rules))
    box = _box(tmp_path, fake)
    first, second = mutants.of([PACK.rules[0]])[:2]
    assert box.catches(TESTS["A"].cases, first)
    assert [case["name"] for _, test in fake.given for case in test["tests"]] == ["A", "B"]
    del fake.given[:]
    assert box.catches(TESTS["A"].cases, second)
    assert [case["name"] for _, test in fake.given for case in test["tests"]] == ["B"]


def test_verdicts_are_remembered_by_content(tmp_path: Path) -> None:
    """The same case is not run again, also by the next process, whatever joins its file; a changed one is."""
    fake = Fake(("x",))
    box = _box(tmp_path, fake)
    mutant = _mutant(PACK.rules[2])
    box.catches(TESTS["records"].cases, mutant)
    box.memory.save()
    again = _box(tmp_path, fake)
    again.catches(_test("records", "A", "B").cases[:1], mutant)
    assert len(fake.given) == 1
    changed = replace(TESTS["records"].cases[0], body={**TESTS["records"].cases[0].body, "interval": "1s"})
    again.catches([changed], mutant)
    assert len(fake.given) == 2


@pytest.mark.parametrize(
    ("rule", "files"), [(0, ["A", "B", "records"]), (1, ["A", "B"]), (2, ["A", "records"]), (3, ["B"])]
)
def test_a_rule_is_answered_for_by_its_own_tests(tmp_path: Path, rule: int, files: list[str]) -> None:
    """An alert by its own file and those that bear no alert's name; a record by all that depend on it."""
    box = _box(tmp_path, Fake(("x",)))
    assert list(dict.fromkeys(case.file for case in mutation.concerned(box, TESTS, PACK.rules[rule]))) == files


def _run(tmp_path: Path, fake: Fake, **choice: Any) -> int:  # noqa: ANN401 - fields of Choice
    return mutation.run(_box(tmp_path, fake), TESTS, mutation.Choice(**choice), {})


def _strict(rules: dict[str, Any]) -> bool:
    """Tests that notice every change to A and what it reads."""
    times = {rule.get("for") for group in rules["groups"] for rule in group["rules"] if rule.get("alert") == "A"}
    return not _texts(rules) <= ORIGINAL or times != {"1m"}


def test_tests_that_notice_everything_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every mutant caught, a table by kind, exit status 0."""
    tests = {"records": TESTS["records"]}
    box = _box(tmp_path, Fake(("x",), fails=_strict))
    status = mutation.run(box, tests, mutation.Choice(alerts=("A",)), {})
    said = capsys.readouterr().out
    assert status == 0, said
    assert "100.0%" in said


def test_tests_that_notice_nothing_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every survivor is named."""
    assert _run(tmp_path, Fake(("x",))) == 1
    said = capsys.readouterr().out
    assert "the tests must catch 95%" in said
    assert "survives without a reason: A | comparison flipped | < for > before 1" in said


def test_tests_that_fail_undamaged_prove_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are not used, and the check fails."""
    assert _run(tmp_path, Fake(("x",), fails=bool)) == 1
    assert "not used, for they fail on undamaged rules: A: A, A: B, B: B, records: A" in capsys.readouterr().out


def test_a_sample_is_repeatable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same seed chooses the same mutants, another one others."""
    said = []
    for seed in (1, 1, 2):
        _run(tmp_path, Fake(("x",)), sample=5, seed=seed)
        said.append([line for line in capsys.readouterr().out.splitlines() if "survives" in line])
    assert said[0] == said[1] != said[2]
    assert len(said[0]) == 5


def test_an_unknown_alert_is_said(tmp_path: Path) -> None:
    """Instead of running nothing and passing."""
    with pytest.raises(ValueError, match="no such rule: LLMNothing"):
        _run(tmp_path, Fake(("x",)), alerts=("LLMNothing",))


def test_a_survivor_with_a_reason_is_sound() -> None:
    """Nothing else is."""
    known = {"a": "why"}
    assert survivors.judge(known, ["a", "b"], ["a", "b"], ["a"]).sound
    assert survivors.judge(known, ["a", "b"], ["b"], []).sound
    assert survivors.judge(known, ["a", "b"], ["a", "b"], ["a", "b"]).unexplained == ("b",)
    assert survivors.judge(known, ["a", "b"], ["a", "b"], []).caught == ("a",)
    assert survivors.judge(known, ["b"], ["b"], []).unknown == ("a",)


def test_the_list_of_survivors_is_read_strictly(tmp_path: Path) -> None:
    """No entry without a reason, none twice; no file is an empty list."""
    path = tmp_path / "survivors.yml"
    assert survivors.load(path) == {}
    path.write_text(json.dumps({"survivors": [{"reason": "why", "mutants": ["a", "b"]}]}), encoding="utf-8")
    assert survivors.load(path) == {"a": "why", "b": "why"}
    for bad in ([{"mutants": ["a"]}], [{"reason": "why"}], [{"reason": "why", "mutants": ["a", "a"]}]):
        path.write_text(json.dumps({"survivors": bad}), encoding="utf-8")
        with pytest.raises(ValueError, match=r"survivors\.yml: "):
            survivors.load(path)


def test_the_list_of_this_pack_names_mutants_that_exist(loaded: pack.Pack) -> None:
    """A rule that changed takes its entries along."""
    assert set(survivors.load()) <= {mutant.id for mutant in mutants.of(loaded.rules)}
