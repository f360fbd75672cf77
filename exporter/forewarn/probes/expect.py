"""What a golden case expects of an answer, and whether an answer meets it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Check = Callable[[str], bool]

MISSING_JSONSCHEMA = "the package jsonschema: pip install 'forewarn[golden]'"


@dataclass(frozen=True, slots=True)
class Expectation:
    """All checks of one case; an answer passes when every one holds."""

    checks: tuple[Check, ...]

    def met(self, answer: str) -> bool:
        """Whether an answer is as expected."""
        return all(check(answer) for check in self.checks)


def read(raw: object) -> Expectation:
    """Read a case's `expect`. Raises ValueError whose text completes "expected …"."""
    known = ", ".join(READERS)
    if not isinstance(raw, dict) or not raw:
        raise ValueError(f"a mapping of one or more of {known}")
    checks = []
    for name, value in raw.items():
        if name not in READERS:
            raise ValueError(f"one or more of {known}, got {name!r:.40}")
        try:
            checks.append(READERS[name](value))
        except ValueError as error:
            raise ValueError(f"{error} as {name}") from None
    return Expectation(tuple(checks))


def _exact(raw: object) -> Check:
    if not isinstance(raw, str):
        raise ValueError("a text")
    return lambda answer: answer.strip() == raw.strip()


def _contains(raw: object) -> Check:
    parts = [raw] if isinstance(raw, str) else raw
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) and part for part in parts):
        raise ValueError("a text or a list of texts")
    return lambda answer: all(part in answer for part in parts)


def _regex(raw: object) -> Check:
    if not isinstance(raw, str):
        raise ValueError("a regular expression")
    try:
        pattern = re.compile(raw)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"a regular expression ({error})") from None
    return lambda answer: pattern.search(answer) is not None


def _json_schema(raw: object) -> Check:
    if not isinstance(raw, dict):
        raise ValueError("a JSON schema")
    try:
        import jsonschema  # noqa: PLC0415  an extra that most sidecars do without
        from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # noqa: PLC0415  as above
        from referencing import Resource, exceptions  # noqa: PLC0415  as above
        from referencing.jsonschema import DRAFT202012  # noqa: PLC0415  as above
    except ImportError:
        raise ValueError(MISSING_JSONSCHEMA) from None
    kind: type[jsonschema.Validator] = jsonschema.validators.validator_for(raw, jsonschema.Draft202012Validator)
    try:
        kind.check_schema(raw)
    except jsonschema.SchemaError as error:
        raise ValueError(f"a JSON schema ({error.message:.100})") from None
    # Given a registry the library fetches no schema from elsewhere; what is not in it is a mistake.
    resolver = REGISTRY.resolver_with_root(Resource.from_contents(raw, default_specification=DRAFT202012))
    try:
        for reference in _references(raw):
            resolver.lookup(reference)
    except exceptions.Unresolvable as error:
        raise ValueError(f"a JSON schema without a reference to elsewhere ({error.ref:.80})") from None
    validator = kind(raw, registry=REGISTRY)

    def check(answer: str) -> bool:
        try:
            return bool(validator.is_valid(json.loads(answer)))
        except (ValueError, RecursionError, exceptions.Unresolvable):
            return False

    return check


def _references(schema: object) -> Iterator[str]:
    """Every `$ref` and its kin within a schema."""
    if isinstance(schema, dict):
        yield from (schema[name] for name in ("$ref", "$dynamicRef") if isinstance(schema.get(name), str))
    items = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for item in items:
        yield from _references(item)


def _min_length(raw: object) -> Check:
    try:
        least = int(str(raw))
    except ValueError:
        least = 0
    if least < 1:
        raise ValueError("a number of characters above 0")
    return lambda answer: len(answer.strip()) >= least


def _not_empty(raw: object) -> Check:
    if raw is not True:
        raise ValueError("true")
    return lambda answer: bool(answer.strip())


READERS: Mapping[str, Callable[[object], Check]] = {
    "exact": _exact,
    "contains": _contains,
    "regex": _regex,
    "json_schema": _json_schema,
    "min_length": _min_length,
    "not_empty": _not_empty,
}
