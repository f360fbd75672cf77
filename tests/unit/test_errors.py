"""What forewarn raises: one base, one-line messages, bounded kinds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import forewarn
from forewarn.errors import ConfigError, FetchError, ForewarnError, PageError

SOURCE = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(forewarn.__file__).parent.rglob("*.py")))


@pytest.mark.parametrize(
    "error", [ConfigError("poll.timeout", "expected 5"), FetchError("timeout", "late"), PageError("parse", "x")]
)
def test_everything_raised_on_purpose_has_one_base(error: Exception) -> None:
    """A caller can catch ForewarnError and miss nothing."""
    assert isinstance(error, ForewarnError)


def test_a_config_error_reads_where_then_what() -> None:
    """The message is the line a user sees, and its parts are kept."""
    error = ConfigError("file: poll.timeout", "expected a duration, got 'x'")
    assert str(error) == "file: poll.timeout: expected a duration, got 'x'"
    assert (error.where, error.expected) == ("file: poll.timeout", "expected a duration, got 'x'")


@pytest.mark.parametrize("kind", [FetchError, PageError])
def test_an_engine_s_error_is_its_detail_and_keeps_its_kind(kind: type[FetchError | PageError]) -> None:
    """The kind is for a metric's label, the message for a person."""
    error = kind("some_kind", "what happened")
    assert (error.kind, str(error)) == ("some_kind", "what happened")


@pytest.mark.parametrize("error", [FetchError, PageError])
def test_the_kinds_in_use_are_those_documented(error: type[FetchError | PageError]) -> None:
    """Every kind that the code raises is in the docstring, and every documented one is raised."""
    raised = set(re.findall(rf'{error.__name__}\(\s*"(\w+)"', SOURCE))
    documented = str(error.__doc__).rpartition("metrics: ")[2].rstrip("\n .").replace("\n", " ").split(",")
    assert raised == {word.strip() for word in documented}
