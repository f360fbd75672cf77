"""Strict reading of YAML: every problem is one line that says where and what was expected."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


class ScenarioError(Exception):
    """A scenario file that cannot be played; the message names the file, the key and the expectation."""


def read_yaml(path: Path) -> object:
    """Return the document in a file; ScenarioError when it cannot be read or is not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_twice(yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ScenarioError(f"{path}: {where}not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from error


def _refuse_twice(root: yaml.Node | None) -> None:
    """Refuse a key given twice, of which PyYAML would take the last."""
    seen: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if str(key.value) in keys:
                    raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
                keys.add(str(key.value))
                nodes.append(value)


class Section:
    """A mapping of the file that is read key by key; `close` refuses keys that nobody read."""

    def __init__(self, source: str, path: str, data: object) -> None:
        self._source = source
        self._path = path
        if not isinstance(data, dict):
            raise self.error("", f"expected a mapping, got {_shown(data)}")
        self._data = data
        self._known: list[str] = []

    def error(self, key: str, expectation: str) -> ScenarioError:
        """Return the error for a key of this section."""
        place = ".".join(part for part in (self._path, key) if part)
        return ScenarioError(f"{self._source}: {place}: {expectation}" if place else f"{self._source}: {expectation}")

    def close(self) -> None:
        """Refuse unknown keys."""
        for key in self._data:
            if key not in self._known:
                near = difflib.get_close_matches(str(key), self._known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(self._known)}"
                raise self.error(str(key), f"unknown key, {hint}")

    def has(self, key: str) -> bool:
        """Say whether a key is given."""
        self._known.append(key)
        return self._data.get(key) is not None

    def number(
        self, key: str, default: float | None = None, *, low: float = 0.0, high: float = math.inf, above: bool = False
    ) -> float:
        """Return a finite number from `low` to `high`, `low` itself excluded when `above`."""
        value = self._get(key, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            number = float(value)
            if low <= number <= high and not (above and number == low):
                return number
        limits = f"{'>' if above else '>='} {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise self.error(key, f"expected a number {limits}, got {_shown(value)}")

    def integer(self, key: str, default: int | None = None, *, low: int = 1) -> int:
        """Return a whole number, at least `low`."""
        value = self._get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise self.error(key, f"expected a whole number >= {low}, got {_shown(value)}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"expected true or false, got {_shown(value)}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty."""
        value = self._get(key, default)
        if not isinstance(value, str) or not value:
            raise self.error(key, f"expected a text, got {_shown(value)}")
        return value

    def choice(self, key: str, options: Collection[str], default: str | None = None) -> str:
        """Return one of the options."""
        value = self._get(key, default)
        if value not in options:
            near = difflib.get_close_matches(str(value), options, n=1)
            hint = f", did you mean {near[0]}?" if near else ""
            raise self.error(key, f"expected one of {', '.join(options)}, got {_shown(value)}{hint}")
        return str(value)

    def section(self, key: str) -> Section:
        """Return a mapping below this one, empty when it is not given."""
        self._known.append(key)
        return self._child(key, self._data.get(key, {}))

    def sections(self, key: str) -> Iterator[Section]:
        """Return the mappings of a list, none when it is not given."""
        self._known.append(key)
        items = self._data.get(key, [])
        if not isinstance(items, list):
            raise self.error(key, f"expected a list, got {_shown(items)}")
        return (self._child(f"{key}[{index}]", item) for index, item in enumerate(items))

    def raw(self, key: str) -> object:
        """Return a value as it stands, None when it is not given."""
        return self._get(key, None)

    def _child(self, key: str, data: object) -> Section:
        return Section(self._source, f"{self._path}.{key}" if self._path else key, data)

    def _get(self, key: str, default: object) -> object:
        self._known.append(key)
        return self._data.get(key, default)


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value) if isinstance(value, str) else str(value)[:60]
