"""What answers meet what expectations."""

from __future__ import annotations

import sys

import pytest

from forewarn.probes import expect


@pytest.mark.parametrize(
    ("raw", "meets", "misses"),
    [
        ({"exact": "four"}, [" four\n"], ["fourth", "Four", ""]),
        ({"contains": "4"}, ["2 + 2 = 4"], ["four", ""]),
        ({"contains": ["a", "b"]}, ["bca"], ["a", "b"]),
        ({"regex": r"(?i)^yes\b"}, ["Yes, of course"], ["oh yes", ""]),
        ({"min_length": 3}, ["abc"], ["ab  ", ""]),
        ({"not_empty": True}, ["x"], ["", " \n"]),
        ({"contains": "a", "min_length": 3}, ["abc"], ["a", "bcd"]),
        (
            {"json_schema": {"type": "object", "required": ["n"], "properties": {"n": {"minimum": 3}}}},
            ['{"n": 3}'],
            ['{"n": 2}', "{}", '{"n": 3', "n", ""],
        ),
        ({"json_schema": {"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}}, ["3"], ['"3"']),
    ],
)
def test_answers_are_judged(raw: dict[str, object], meets: list[str], misses: list[str]) -> None:
    """Every expectation of a case must hold; an answer that is not JSON misses a schema."""
    expectation = expect.read(raw)
    assert [answer for answer in meets if not expectation.met(answer)] == []
    assert [answer for answer in misses if expectation.met(answer)] == []


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (None, "a mapping of one or more of exact, contains, regex, json_schema, min_length, not_empty"),
        ({}, "a mapping of one or more of exact"),
        ({"equals": "x"}, "one or more of exact, contains, regex, json_schema, min_length, not_empty, got 'equals'"),
        ({"exact": 4}, "a text as exact"),
        ({"contains": []}, "a text or a list of texts as contains"),
        ({"contains": ["a", 1]}, "a text or a list of texts as contains"),
        ({"regex": "(unclosed"}, "a regular expression (missing ), unterminated subpattern at position 0) as regex"),
        ({"regex": 4}, "a regular expression as regex"),
        ({"json_schema": "object"}, "a JSON schema as json_schema"),
        ({"json_schema": {"type": "no-such-type"}}, "a JSON schema ("),
        (
            {"json_schema": {"$ref": "http://127.0.0.1:9/x.json"}},
            "a JSON schema without a reference to elsewhere",
        ),
        ({"json_schema": {"items": [{"$ref": "#/$defs/x"}]}}, "a JSON schema "),
        (
            {"json_schema": {"properties": {"a": {"$ref": "#/$defs/x"}}}},
            "a JSON schema without a reference to elsewhere",
        ),
        ({"min_length": 0}, "a number of characters above 0 as min_length"),
        ({"min_length": "few"}, "a number of characters above 0 as min_length"),
        ({"not_empty": False}, "true as not_empty"),
    ],
)
def test_a_mistake_is_one_line(raw: object, says: str) -> None:
    """What was expected, and in which part."""
    with pytest.raises(ValueError, match=" ") as caught:
        expect.read(raw)
    assert str(caught.value).startswith(says)
    assert len(str(caught.value).splitlines()) == 1


def test_a_schema_needs_an_extra_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package a suite with a schema is a mistake that says how to mend it; other suites go on."""
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(ValueError, match="the package jsonschema: pip install 'forewarn\\[golden\\]' as json_schema"):
        expect.read({"json_schema": {"type": "object"}})
    assert expect.read({"not_empty": True}).met("x")
