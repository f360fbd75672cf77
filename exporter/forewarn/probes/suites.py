"""Suites of golden prompts, read from YAML. A mistake is one line: file, suite, case, and what was expected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import yaml

from forewarn.config import StrictLoader, read_yaml
from forewarn.errors import ConfigError
from forewarn.probes import expect
from forewarn.probes.reply import Ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from forewarn.config import Config
    from forewarn.probes.expect import Expectation

SUITE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MAX_SUITES, MAX_CASES, MAX_ANSWER_TOKENS = 20, 200, 4096
_DEFAULT_ANSWER_TOKENS = 64
_SUITE_KEYS = {"suite", "endpoint", "model", "sampling", "cases"}
_CASE_KEYS = {"id", "prompt", "messages", "sampling", "expect"}
_RESERVED = {"model", "prompt", "messages", "stream", "stream_options", "n", "best_of"}
_TEMPLATE_TOKENS = 64
"""What a chat template may add to a prompt."""


class _SuiteLoader(StrictLoader):
    """A suite's numbers are numbers: sampling parameters and JSON schemas hold them."""

    yaml_implicit_resolvers = yaml.SafeLoader.yaml_implicit_resolvers


@dataclass(frozen=True, slots=True)
class Case:
    """One prompt and what is expected of its answer."""

    id: str
    ask: Ask
    expectation: Expectation


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases that give one score."""

    name: str
    cases: tuple[Case, ...]

    @property
    def tokens(self) -> int:
        """An upper estimate of what a run costs."""
        return sum(case.ask.tokens for case in self.cases)


def load(config: Config) -> tuple[Suite, ...]:
    """The suites that `quality.suites` points at, none when it is unset. Raises ConfigError.

    A path is a file, or a folder of which every .yml and .yaml file is one.
    """
    path = config.text("quality.suites")
    if not path:
        return ()
    place = Path(path)
    if place.is_dir():
        files = sorted(file for file in place.iterdir() if file.suffix in (".yml", ".yaml"))
        if not files:
            raise ConfigError("quality.suites", f"expected a folder with .yml files, got {path}")
    else:
        files = [place]
    suites = tuple(_suite(str(file)) for file in files)
    names = [suite.name for suite in suites]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError("quality.suites", f"expected suites with different names, got {twice} twice")
    if len(suites) > MAX_SUITES:
        raise ConfigError("quality.suites", f"expected at most {MAX_SUITES} suites, got {len(suites)}")
    _check_budget(suites, config.number("quality.tokens_per_hour"))
    return suites


def _check_budget(suites: Sequence[Suite], budget: float) -> None:
    """A suite that the budget never lets through would look like one that is merely late."""
    dear = next((suite for suite in suites if suite.tokens > budget), None)
    if dear is not None:
        where = "quality.tokens_per_hour"
        raise ConfigError(where, f"expected at least {dear.tokens}, what suite {dear.name} may cost, got {budget:g}")


def _suite(file: str) -> Suite:
    tree = read_yaml(file, _SuiteLoader)
    _check_keys(file, tree, _SUITE_KEYS)
    name = tree.get("suite")
    if not isinstance(name, str) or not SUITE_NAME.fullmatch(name):
        raise ConfigError(f"{file}: suite", "expected a name of letters, digits, _ . and -, 64 characters at most")
    endpoint = tree.get("endpoint", "chat")
    if endpoint not in ("chat", "completions"):
        raise ConfigError(f"{file}: endpoint", f"expected chat or completions, got {endpoint!r:.40}")
    raw = tree.get("cases")
    if not isinstance(raw, list) or not 0 < len(raw) <= MAX_CASES:
        raise ConfigError(f"{file}: cases", f"expected a list of 1 to {MAX_CASES} cases")
    cases = tuple(_cases(file, tree, raw))
    ids = [case.id for case in cases]
    twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
    if twice is not None:
        raise ConfigError(f"{file}: cases", f"expected cases with different ids, got {twice} twice")
    return Suite(name, cases)


def _cases(file: str, suite: Mapping[object, object], raw: list[object]) -> Iterator[Case]:
    model = suite.get("model")
    if model is not None and not isinstance(model, str):
        raise ConfigError(f"{file}: model", "expected the name of a served model")
    chat = suite.get("endpoint", "chat") == "chat"
    for number, case in enumerate(raw, 1):
        where = f"{file}: case {number}"
        if not isinstance(case, dict):
            raise ConfigError(where, "expected a mapping with prompt and expect")
        id_ = str(case.get("id", number))
        where = f"{file}: case {id_:.40}"
        _check_keys(where, case, _CASE_KEYS)
        sampling = {**_sampling(f"{file}: sampling", suite), **_sampling(where, case)}
        prompt, size = _prompt(where, case, chat=chat)
        limit = _answer_tokens(where, sampling)
        fields = {"temperature": 0, **sampling, "max_tokens": limit, **prompt}
        try:
            expectation = expect.read(case.get("expect"))
        except ValueError as error:
            raise ConfigError(f"{where}: expect", f"expected {error}") from None
        yield Case(id_, Ask(fields, size + limit, chat, model), expectation)


def _prompt(where: str, case: Mapping[object, object], *, chat: bool) -> tuple[dict[str, object], int]:
    """The body's prompt, and the most tokens that it may have."""
    prompt, messages = case.get("prompt"), case.get("messages")
    if isinstance(prompt, str) and prompt and messages is None:
        if not chat:
            return {"prompt": prompt}, len(prompt.encode())
        messages = [{"role": "user", "content": prompt}]
    if not chat or (prompt is not None and not isinstance(prompt, str)) or not _are_messages(messages):
        form = "prompt or messages" if chat else "prompt"
        raise ConfigError(where, f"expected a text as {form}" + (", messages with role and content" if chat else ""))
    size = sum(len(message["content"].encode()) + _TEMPLATE_TOKENS for message in messages)
    return {"messages": messages}, size


def _are_messages(raw: object) -> TypeGuard[list[dict[str, str]]]:
    if not isinstance(raw, list) or not raw:
        return False
    texts = [(m.get("role"), m.get("content")) if isinstance(m, dict) else (None, None) for m in raw]
    return all(isinstance(role, str) and isinstance(content, str) for role, content in texts)


def _sampling(where: str, tree: Mapping[object, object]) -> dict[str, object]:
    raw = tree.get("sampling", {})
    if not isinstance(raw, dict) or set(raw) & _RESERVED or not all(isinstance(name, str) for name in raw):
        raise ConfigError(where, "expected sampling parameters of one answer, such as temperature and max_tokens")
    return dict(raw)


def _answer_tokens(where: str, sampling: Mapping[str, object]) -> int:
    limit = sampling.get("max_tokens", _DEFAULT_ANSWER_TOKENS)
    try:
        tokens = int(str(limit))
    except ValueError:
        tokens = 0
    if not 0 < tokens <= MAX_ANSWER_TOKENS:
        raise ConfigError(where, f"expected max_tokens between 1 and {MAX_ANSWER_TOKENS}, got {limit!r:.20}")
    return tokens


def _check_keys(where: str, tree: Mapping[object, object], known: set[str]) -> None:
    unknown = next((key for key in tree if key not in known), None)
    if unknown is not None:
        raise ConfigError(where, f"unknown key {unknown!r:.40}, expected {', '.join(sorted(known))}")
