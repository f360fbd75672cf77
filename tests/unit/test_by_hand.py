"""`forewarn probe`: what it prints, and its exit status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from forewarn import cli
from tests.tools.completion_server import CompletionServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUITE = """
suite: smoke
cases:
  - {id: right, prompt: a, expect: {contains: three}}
  - {id: wrong, prompt: b, expect: {contains: elephant}}
"""


@pytest.fixture
def engine() -> Iterator[CompletionServer]:
    """An engine that completes."""
    with CompletionServer() as server:
        yield server


def probe(engine: CompletionServer, *flags: str) -> int:
    """Run the command."""
    return cli.main(["probe", "--engine-url", engine.url, *flags], {})


def test_a_living_engine_is_one_line_and_status_0(engine: CompletionServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Name, result, TTFT, duration, tokens."""
    assert probe(engine) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[:3] == ["liveness", "success", "ttft"]
    assert line.endswith("9 tokens")


def test_a_failure_is_status_1_with_its_detail(engine: CompletionServer, capsys: pytest.CaptureFixture[str]) -> None:
    """An error inside the stream counts."""
    engine.behaviour = "error"
    assert probe(engine) == 1
    assert "error inside the stream (InternalServerError, 500)" in capsys.readouterr().out


def test_warm_up_lengths_are_sent_once_each(engine: CompletionServer, capsys: pytest.CaptureFixture[str]) -> None:
    """As the gate would send them."""
    assert probe(engine, "--warmup") == 0
    names = [line[:24].strip() for line in capsys.readouterr().out.splitlines()]
    assert names == ["liveness", "warmup 16 tokens", "warmup 128 tokens", "warmup 1024 tokens"]
    assert [len(body["prompt"]) for body in engine.bodies[1:]] == [16, 128, 1024]


def test_a_suite_s_cases_are_judged(
    engine: CompletionServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Passed and failed, as JSON too, without prompts or answers."""
    path = tmp_path / "smoke.yml"
    path.write_text(SUITE, encoding="utf-8")
    assert probe(engine, "--suites", str(path), "--format", "json") == 1
    text = capsys.readouterr().out
    rows = json.loads(text)
    assert [(row["probe"], row["result"], row["passed"]) for row in rows] == [
        ("liveness", "success", True),
        ("smoke right", "passed", True),
        ("smoke wrong", "failed", False),
    ]
    assert "two three four" not in text


def test_nobody_there_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Warm-up stops at the list of models."""
    assert cli.main(["probe", "--engine-url", "http://127.0.0.1:9", "--warmup"], {}) == 1
    assert capsys.readouterr().out.count("connection refused") == 2


def test_a_bad_suite_is_the_users_mistake(engine: CompletionServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and nothing was sent."""
    assert probe(engine, "--suites", "missing.yml") == 2
    assert capsys.readouterr().err.startswith("forewarn: missing.yml: expected a readable YAML file")
    assert engine.bodies == []
