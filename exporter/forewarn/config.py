"""Load settings: flag > environment > file > default. Only a checked, frozen Config leaves this module."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from forewarn import config_values as v
from forewarn.config_keys import BY_PATH, KEYS, Key, Value
from forewarn.errors import ConfigError

_PREFIX = "FOREWARN_"
_FOREIGN = re.compile(r"FOREWARN_(PLUGIN_.*|SERVICE_(HOST|PORT).*|PORT(_\d+_.*)?)")
"""Variables of the engine plugin, and those Kubernetes adds for a service called forewarn."""
_MASK = "<secret>"
_USERINFO = re.compile(r"//[^/]*@")
_NAMED = re.compile(r"\b(alias|anchor|tag)\b.*")
_AS_WRITTEN = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp")}


@dataclass(frozen=True, slots=True)
class Config:
    """Checked settings by path. `warnings` are lines worth logging once the log is set up."""

    values: Mapping[str, Value]
    warnings: tuple[str, ...] = ()

    def text(self, path: str) -> str:
        """A string setting; "" when unset."""
        value = self.values[path]
        return "" if value is None else str(value)

    def number(self, path: str) -> float:
        """A numeric setting that has a default."""
        value = self.values[path]
        if not isinstance(value, float | int):
            raise TypeError(f"{path} is not a number")
        return float(value)

    def flag(self, path: str) -> bool:
        """A switch."""
        return self.values[path] is True

    def optional(self, path: str) -> float | None:
        """A numeric setting, None when unset."""
        return None if self.values[path] is None else self.number(path)

    def dump(self) -> str:
        """The effective settings as YAML that loads again; secrets are masked."""
        tree: dict[str, object] = {}
        for key in KEYS:
            value = self.values[key.path]
            shown = _MASK if key.secret and value is not None else value
            section, _, leaf = key.path.rpartition(".")
            target = tree
            if section:
                target = tree.setdefault(section, {})  # type: ignore[assignment]  # sections hold only leaves
            target[leaf] = shown
        return yaml.safe_dump(tree, sort_keys=False)


def load(path: str | None, environ: Mapping[str, str], flags: Mapping[str, tuple[str, object]]) -> Config:
    """Merge and check all sources. `flags` maps key paths to a flag and what it was given, None if it was not.

    Raises ConfigError for the first unusable setting.
    """
    raw: dict[str, tuple[object, str]] = {}
    if path is not None:
        raw.update({key: (value, f"{path}: {key}") for key, value in _read_file(path).items()})
    for key in KEYS:
        if key.variable in environ:
            raw[key.path] = (environ[key.variable], key.variable)
    for key_path, (flag, value) in flags.items():
        if value is not None:
            raw[key_path] = (value, flag)
    values = {key.path: _parse(key, raw.get(key.path)) for key in KEYS}
    _finish(values)
    return Config(values, tuple(_unknown_variables(environ)))


def _parse(key: Key, raw: tuple[object, str] | None) -> Value:
    if raw is None or raw[0] is None:
        return key.default
    value, where = raw
    try:
        return key.parse(value)
    except ValueError as error:
        shown = _MASK if key.secret else _USERINFO.sub(f"//{_MASK}@", repr(value))
        raise ConfigError(where, f"expected {error}, got {shown:.80}") from None


def _finish(values: dict[str, Value]) -> None:
    """Fill defaults that depend on other settings, and check settings against each other."""
    fast, full = float(values["poll.fast_interval"] or 0), float(values["poll.full_interval"] or 0)
    if fast > full:
        raise ConfigError("poll.fast_interval", f"expected at most poll.full_interval ({full:g} s), got {fast:g}")
    if values["poll.max_sample_age"] is None:
        values["poll.max_sample_age"] = 3 * full
    age = float(values["poll.max_sample_age"] or 0)
    if age < full:
        raise ConfigError("poll.max_sample_age", f"expected at least poll.full_interval ({full:g} s), got {age:g}")
    for secret in ("engine.api_key", "quality.token"):
        if values[secret] is None and values[f"{secret}_file"] is not None:
            values[secret] = read_secret(f"{secret}_file", str(values[f"{secret}_file"]))
    gpus, price = values["replica.gpus"], values["replica.usd_per_gpu_hour"]
    if values["replica.usd_per_hour"] is None and gpus is not None and price is not None:
        values["replica.usd_per_hour"] = float(gpus) * float(price)


def read_secret(where: str, path: str) -> str:
    """The one line that a secret's file holds; `where` names its setting. Raises ConfigError."""
    try:
        return v.text(Path(path).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(where, f"expected a readable text file, got {path}: {_reason(error)}") from None
    except ValueError:
        raise ConfigError(where, f"expected a file of one line, got {path}") from None


def _read_file(path: str) -> dict[str, object]:
    """Settings of a YAML file by path."""
    return dict(_flatten(path, read_yaml(path, StrictLoader), ""))


def read_yaml(path: str, loader: type[StrictLoader]) -> dict[object, object]:
    """The mapping that a YAML file holds, an empty file's is empty. Raises ConfigError."""
    try:
        tree = yaml.load(Path(path).read_text(encoding="utf-8"), loader)  # noqa: S506  it is a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, f"expected a readable YAML file: {_reason(error)}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
        raise ConfigError(where, f"expected valid YAML: {_problem(error)}") from None
    except RecursionError:
        raise ConfigError(path, "expected valid YAML: nested too deeply") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(path, f"expected a mapping of settings, got a {type(tree).__name__}")
    return tree


def _flatten(path: str, tree: Mapping[object, object], prefix: str) -> list[tuple[str, object]]:
    sections = {key.path.rpartition(".")[0] for key in KEYS} - {""}
    found: list[tuple[str, object]] = []
    for name, value in tree.items():
        key = _printable(f"{prefix}{name}")
        if key in BY_PATH:
            found.append((key, value))
        elif key in sections and (value is None or isinstance(value, Mapping)):
            found += _flatten(path, value or {}, f"{key}.")
        elif key in sections:
            raise ConfigError(f"{path}: {key}", f"expected a mapping of settings, got {value!r:.80}")
        else:
            raise ConfigError(f"{path}: {key}", "unknown key" + nearest(key, [*BY_PATH, *sections]))
    return found


def nearest(word: str, known: list[str]) -> str:
    """A suggestion, by the whole path or else by its last part."""
    close = difflib.get_close_matches(word, known, n=1)
    if not close:
        leaf = word.rpartition(".")[2]
        leaves = {path.rpartition(".")[2]: path for path in known}
        close = [leaves[match] for match in difflib.get_close_matches(leaf, leaves, n=1)]
    return f", did you mean {close[0]}?" if close else ""


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Lines about FOREWARN_ variables that mean nothing. No errors: others may add variables to a container."""
    known = {key.variable for key in KEYS}
    return [
        f"{name}: unknown variable, ignored" + nearest(name, sorted(known))
        for name in sorted(environ)
        if name.startswith(_PREFIX) and name not in known and not _FOREIGN.fullmatch(name)
    ]


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong, in one line. Names of aliases and tags are left out: an unquoted secret may look like one."""
    text = " ".join(str(getattr(error, "problem", None) or error).split())
    return _NAMED.sub(r"\1", text)[:120]


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


class StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice and leaves numbers and dates as they are written.

    A version such as 1.10 or 0123456 is text; settings that are numbers read them from text as well.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML's attribute
        first: [(tag, pattern) for tag, pattern in rules if tag not in _AS_WRITTEN]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002  PyYAML's signature
        """Build a value, or say where one is that its own tag does not fit."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError):
            raise yaml.constructor.ConstructorError(
                None, None, "value does not fit its type", node.start_mark
            ) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:  # noqa: FBT001, FBT002  PyYAML's signature
        """Build a mapping, or report the second of two equal keys."""
        seen = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "key is no name", key_node.start_mark)
            key = key_node.value
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)
