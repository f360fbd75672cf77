"""Suites as they are written: what is read from them, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from forewarn import cli, config
from forewarn.config_keys import BY_PATH
from forewarn.errors import ConfigError
from forewarn.probes import suites

CHAT = """
suite: smoke
sampling: {max_tokens: 16, top_p: 0.5}
cases:
  - id: sum
    prompt: What is 2 + 2?
    expect: {contains: "4"}
  - messages:
      - {role: system, content: Be brief.}
      - {role: user, content: hello}
    sampling: {temperature: 0.7}
    expect: {not_empty: true}
"""


def load(path: str, budget: int = 2_000_000) -> tuple[suites.Suite, ...]:
    """Suites of a path."""
    flags = {"quality.suites": ("test", path), "quality.tokens_per_hour": ("test", budget)}
    return suites.load(config.load(None, {}, flags))


def written(folder: Path, text: str, name: str = "smoke.yml") -> str:
    """A suite's file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_suite_is_read(tmp_path: Path) -> None:
    """Greedy unless it says otherwise; a case's sampling goes over its suite's; numbers are numbers."""
    (suite,) = load(written(tmp_path, CHAT))
    assert (suite.name, [case.id for case in suite.cases]) == ("smoke", ["sum", "2"])
    first, second = (case.ask for case in suite.cases)
    assert first.chat
    assert first.fields == {
        "temperature": 0, "max_tokens": 16, "top_p": 0.5,
        "messages": [{"role": "user", "content": "What is 2 + 2?"}],
    }  # fmt: skip
    assert second.fields["temperature"] == 0.7
    assert [message["role"] for message in second.fields["messages"]] == ["system", "user"]  # type: ignore[index, attr-defined]  # messages
    assert first.tokens >= len("What is 2 + 2?") + 16
    assert suite.tokens == first.tokens + second.tokens


def test_completions_take_a_prompt_and_a_model(tmp_path: Path) -> None:
    """The endpoint without a chat template, and an adapter by its name."""
    text = "suite: raw\nendpoint: completions\nmodel: lora\ncases: [{prompt: 'a', expect: {exact: 'b'}}]\n"
    (suite,) = load(written(tmp_path, text))
    ask = suite.cases[0].ask
    assert (ask.chat, ask.model, ask.fields) == (False, "lora", {"temperature": 0, "max_tokens": 64, "prompt": "a"})


def test_a_folder_is_all_its_suites(tmp_path: Path) -> None:
    """By name; other files are left alone."""
    written(tmp_path, CHAT.replace("smoke", "b"), "b.yaml")
    written(tmp_path, CHAT.replace("smoke", "a"), "a.yml")
    written(tmp_path, "no suite", "README.md")
    assert [suite.name for suite in load(str(tmp_path))] == ["a", "b"]


CASE = "{id: x, prompt: p, expect: {not_empty: true}}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("suite: [", "FILE:1:9: expected valid YAML"),
        ("- a", "FILE: expected a mapping"),
        (f"cases: [{CASE}]", "FILE: suite: expected a name of letters"),
        (f"suite: a b\ncases: [{CASE}]", "FILE: suite: expected a name of letters"),
        (f"suite: a\nendpoint: embed\ncases: [{CASE}]", "FILE: endpoint: expected chat or completions, got 'embed'"),
        ("suite: a", "FILE: cases: expected a list of 1 to 200 cases"),
        ("suite: a\ncases: []", "FILE: cases: expected a list of 1 to 200 cases"),
        ("suite: a\ncases: [p]", "FILE: case 1: expected a mapping with prompt and expect"),
        (f"suite: a\ncases: [{CASE}, {CASE}]", "FILE: cases: expected cases with different ids, got x twice"),
        (f"suite: a\ncase: [{CASE}]", "FILE: unknown key 'case', expected cases, endpoint, model, sampling, suite"),
        ("suite: a\ncases: [{id: x, prompt: p, expects: 1}]", "FILE: case x: unknown key 'expects', expected expect"),
        ("suite: a\ncases: [{id: x, prompt: p}]", "FILE: case x: expect: expected a mapping of one or more of exact"),
        (
            "suite: a\ncases: [{id: x, prompt: p, expect: {regex: '('}}]",
            "FILE: case x: expect: expected a regular expression (missing ), unterminated subpattern",
        ),
        (
            "suite: a\ncases: [{id: x, prompt: p, expect: {json_schema: {type: wrong}}}]",
            "FILE: case x: expect: expected a JSON schema (",
        ),
        ("suite: a\ncases: [{id: x, expect: {exact: b}}]", "FILE: case x: expected a text as prompt or messages"),
        (
            "suite: a\nendpoint: completions\ncases: [{id: x, messages: [], expect: {exact: b}}]",
            "FILE: case x: expected a text as prompt",
        ),
        (
            "suite: a\ncases: [{id: x, messages: [{role: user}], expect: {exact: b}}]",
            "FILE: case x: expected a text as prompt or messages, messages with role and content",
        ),
        (
            f"suite: a\nsampling: {{stream: false}}\ncases: [{CASE}]",
            "FILE: sampling: expected sampling parameters of one answer",
        ),
        (
            f"suite: a\nsampling: {{max_tokens: 100000}}\ncases: [{CASE}]",
            "FILE: case x: expected max_tokens between 1 and 4096, got 100000",
        ),
        (f"suite: a\nmodel: [b]\ncases: [{CASE}]", "FILE: model: expected the name of a served model"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(tmp_path: Path, text: str, says: str) -> None:
    """File, case, and what was expected."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value).replace(path, "FILE")
    assert message.startswith(says)
    assert len(message.splitlines()) == 1


def test_names_come_once_and_folders_are_not_empty(tmp_path: Path) -> None:
    """Two suites of one name would overwrite each other's score."""
    with pytest.raises(ConfigError, match=r"expected a folder with \.yml files"):
        load(str(tmp_path))
    written(tmp_path, CHAT, "a.yml")
    written(tmp_path, CHAT, "b.yml")
    with pytest.raises(ConfigError, match="suites with different names, got smoke twice"):
        load(str(tmp_path))
    with pytest.raises(ConfigError, match="expected a readable YAML file"):
        load(str(tmp_path / "missing.yml"))


def test_a_suite_must_fit_its_budget(tmp_path: Path) -> None:
    """One that could never run to its end is a mistake, not a wait."""
    path = written(tmp_path, CHAT)
    (suite,) = load(path)
    assert load(path, suite.tokens)
    with pytest.raises(ConfigError) as caught:
        load(path, suite.tokens - 1)
    assert str(caught.value) == (
        f"quality.tokens_per_hour: expected at least {suite.tokens}, what suite smoke may cost, got {suite.tokens - 1}"
    )


def test_the_configuration_is_checked_with_its_suites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check-config` finds a bad suite, and so does a start; neither prints a traceback."""
    path = written(tmp_path, "suite: a")
    environ = {"FOREWARN_QUALITY_SUITES": path, "FOREWARN_SERVER_LISTEN": "127.0.0.1:0"}
    for flags in (["--check-config"], []):
        assert cli.main(["run", *flags], environ) == 2
        assert capsys.readouterr().err == f"forewarn: {path}: cases: expected a list of 1 to 200 cases\n"


def test_the_example_is_a_suite() -> None:
    """What is shipped to start from loads, and a run fits its budget many times over."""
    example = Path(__file__).parents[3] / "deploy" / "quality" / "smoke.yml"
    (suite,) = load(str(example))
    assert suite.name == "smoke"
    assert suite.tokens < BY_PATH["quality.tokens_per_hour"].default / 50  # type: ignore[operator]  # a number
