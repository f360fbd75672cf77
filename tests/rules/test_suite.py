"""The runner of all rule tests: what it runs, what it says, and its exit status."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.rules import pack, promtool, suite
from tools.rules.promtool import Outcome, Promtool

REAL = promtool.find()


@dataclass(frozen=True)
class Fake(Promtool):
    """A promtool that fails on what is named."""

    failing: str = ""

    def run(self, *arguments: str) -> Outcome:
        """Say whether the last file, or the verb, is the failing one."""
        failed = self.failing and any(self.failing in item for item in arguments)
        return Outcome(not failed, f"said of {Path(arguments[-1]).name}" if failed else "")


def test_all_that_pass_are_said_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each file, and a sum."""
    assert suite.run(Fake(("x",))) == 0
    said = capsys.readouterr().out
    tests = pack.load_tests()
    cases = sum(len(test.cases) for test in tests.values())
    assert said.count(": ok, ") == len(tests)
    assert f"{len(tests)} test files with {cases} cases: all passed" in said


def test_a_file_that_fails_shows_what_promtool_said(capsys: pytest.CaptureFixture[str]) -> None:
    """And is named once more at the end."""
    assert suite.run(Fake(("x",), "LLMEngineDown.test")) == 1
    said = capsys.readouterr().out
    assert "LLMEngineDown: FAILED" in said
    assert "said of LLMEngineDown.test.yml" in said
    assert said.splitlines()[-1].endswith("1 FAILED: LLMEngineDown")


def test_rules_that_promtool_rejects_fail_before_any_test(capsys: pytest.CaptureFixture[str]) -> None:
    """The tests would only say the same many times."""
    assert suite.run(Fake(("x",), "check")) == 1
    assert "rules/v1: FAILED" in capsys.readouterr().out


def test_one_alert_runs_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """For whoever works on it; an unknown name is said."""
    assert suite.run(Fake(("x",)), ["LLMEngineDown"]) == 0
    assert "1 test files" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no test file for LLMNothing"):
        suite.run(Fake(("x",)), ["LLMNothing"])


def test_the_rules_pass_every_lint_of_promtool() -> None:
    """Duplicates and whatever else it knows."""
    outcome = REAL.check(sorted(pack.SOURCES.glob("*.rules.yml")))
    assert outcome.passed, outcome.said


def test_a_broken_rule_file_does_not_pass(tmp_path: Path) -> None:
    """The check is one that can fail."""
    path = tmp_path / "broken.rules.yml"
    path.write_text("groups: [{name: a, rules: [{alert: A, expr: 'rate(a)'}]}]", encoding="utf-8")
    assert not REAL.check([path]).passed


def test_promtool_comes_from_path_then_debian_then_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that is there; one line when none is."""
    programs: dict[str, str] = {"promtool": "/x/promtool", "docker": "/x/docker", "apt-get": "/x/apt-get"}
    installed: list[object] = []
    monkeypatch.setattr(shutil, "which", programs.get)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: installed.append(command))
    assert promtool.find().command == ("/x/promtool",)
    del programs["promtool"]
    assert promtool.find().command[:2] == ("/x/docker", "run")
    assert len(installed) == 1
    del programs["apt-get"], programs["docker"]
    with pytest.raises(promtool.PromtoolMissingError, match="promtool is not on PATH"):
        promtool.find()
    assert len(installed) == 1
