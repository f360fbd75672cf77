"""Readers of single settings accept what they promise and say what they expected."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn import config_values as v

if TYPE_CHECKING:
    from collections.abc import Callable

READERS = (
    v.text, v.one_of("a", "b"), v.positive, v.not_negative, v.whole, v.ratio, v.seconds, v.http_url, v.listen,
)  # fmt: skip


@pytest.mark.parametrize(
    ("read", "raw", "value"),
    [
        (v.text, "a b", "a b"),
        (v.text, "", ""),
        (v.text, "é 中", "é 中"),
        (v.text, 5, "5"),
        (v.text, 1.5, "1.5"),
        (v.one_of("a", "b"), "b", "b"),
        (v.positive, "2.5", 2.5),
        (v.positive, 1, 1.0),
        (v.not_negative, 0, 0.0),
        (v.not_negative, "-0.0", 0.0),
        (v.whole, "16777216", 16777216),
        (v.whole, 3.0, 3),
        (v.ratio, 1, 1.0),
        (v.ratio, "0.85", 0.85),
        (v.seconds, 0.25, 0.25),
        (v.seconds, "0.25", 0.25),
        (v.seconds, "250ms", 0.25),
        (v.seconds, " 2 s ", 2.0),
        (v.seconds, "5m", 300.0),
        (v.seconds, "1.5h", 5400.0),
        (v.seconds, "1d", 86400.0),
        (v.http_url, "http://engine:8000/", "http://engine:8000"),
        (v.http_url, " https://[::1]:8000/base/ ", "https://[::1]:8000/base"),
        (v.http_url, "HTTP://engine", "HTTP://engine"),
        (v.listen, ":9841", ":9841"),
        (v.listen, "9841", ":9841"),
        (v.listen, 9841, ":9841"),
        (v.listen, ":0", ":0"),
        (v.listen, "127.0.0.1:9841", "127.0.0.1:9841"),
        (v.listen, "[::1]:9841", "[::1]:9841"),
    ],
)
def test_good_input_becomes_its_value(read: Callable[[object], object], raw: object, value: object) -> None:
    """Each accepted form gives the value in base units."""
    assert read(raw) == value


@pytest.mark.parametrize(
    ("read", "raw", "expected"),
    [
        (v.text, "a\nb", "a string of UTF-8 without line breaks or control characters"),
        (v.text, "a\tb", "a string of UTF-8 without line breaks or control characters"),
        (v.text, "\udcff", "a string of UTF-8 without line breaks or control characters"),
        (v.text, True, "a string"),
        (v.text, None, "a string"),
        (v.text, ["a"], "a string"),
        (v.one_of("a", "b"), "c", "one of a, b"),
        (v.one_of("a", "b"), ["a"], "one of a, b"),
        (v.positive, 0, "a number above 0"),
        (v.positive, "many", "a number above 0"),
        (v.positive, math.nan, "a number above 0"),
        (v.positive, "inf", "a number above 0"),
        (v.positive, True, "a number above 0"),
        (v.positive, 10**400, "a number above 0"),
        (v.not_negative, -1, "a number, 0 or more"),
        (v.whole, 1.5, "a whole number above 0"),
        (v.whole, 0, "a whole number above 0"),
        (v.ratio, 85, "a share above 0 and at most 1 (0.85, not 85)"),
        (v.ratio, 0, "a share above 0 and at most 1 (0.85, not 85)"),
        (v.seconds, 0, "a duration above 0 such as 0.25, 250ms, 2s or 5m"),
        (v.seconds, "0s", "a duration above 0 such as 0.25, 250ms, 2s or 5m"),
        (v.seconds, "-1s", "a duration above 0 such as 0.25, 250ms, 2s or 5m"),
        (v.seconds, "2 weeks", "a duration above 0 such as 0.25, 250ms, 2s or 5m"),
        (v.seconds, "9" * 400 + "s", "a duration above 0 such as 0.25, 250ms, 2s or 5m"),
        (v.seconds, "400d", "a duration above 0 such as 0.25, 250ms, 2s or 5m"),
        (v.http_url, "engine:8000", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "ftp://engine", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "http://", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "http://engine:99999", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "http://engine:0", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "http://[::1", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "http://engine/?a=b", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "http://engine/#a", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "http://eng ine", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "http://engine/é", "an address such as http://127.0.0.1:8000"),
        (v.http_url, "http://a:b@engine", "an address such as http://127.0.0.1:8000, without user or password"),
        (v.http_url, 5, "an address such as http://127.0.0.1:8000"),
        (v.listen, "", "HOST:PORT such as 127.0.0.1:9841 or :9841"),
        (v.listen, "localhost", "HOST:PORT such as 127.0.0.1:9841 or :9841"),
        (v.listen, "localhost:", "HOST:PORT such as 127.0.0.1:9841 or :9841"),
        (v.listen, ":70000", "HOST:PORT such as 127.0.0.1:9841 or :9841"),
        (v.listen, "::1:9841", "HOST:PORT such as 127.0.0.1:9841 or :9841"),
        (v.listen, -1, "HOST:PORT such as 127.0.0.1:9841 or :9841"),
        (v.listen, True, "HOST:PORT such as 127.0.0.1:9841 or :9841"),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)[:24]),
)
def test_bad_input_says_what_was_expected(read: Callable[[object], object], raw: object, expected: str) -> None:
    """The ValueError's text completes "expected …"."""
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        read(raw)


@pytest.mark.parametrize(
    ("value", "parts"),
    [(":9841", ("", 9841)), ("127.0.0.1:1", ("127.0.0.1", 1)), ("[::1]:9841", ("::1", 9841)), ("host:0", ("host", 0))],
)
def test_a_listen_value_splits_into_host_and_port(value: str, parts: tuple[str, int]) -> None:
    """Brackets go, an empty host stands for every address."""
    assert v.split_listen(value) == parts


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(READERS),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.binary(), st.lists(st.none())
    ),
)
def test_no_reader_raises_anything_but_value_error(read: Callable[[object], object], raw: object) -> None:
    """Whatever comes in, a reader returns a value or raises ValueError, and never an infinite or NaN number."""
    try:
        value = read(raw)
    except ValueError as error:
        assert str(error)  # noqa: PT017  both outcomes are right
        return
    assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [(True, True), ("true", True), ("On", True), ("yes", True), (False, False), ("false", False), ("off", False)],
)
def test_switches_are_words(raw: object, value: bool) -> None:  # noqa: FBT001  table
    """As YAML reads them and as variables hold them."""
    assert v.switch(raw) is value


@pytest.mark.parametrize("raw", [1, 0, "", "maybe", None, []])
def test_other_words_are_no_switch(raw: object) -> None:
    """A number is not taken for one."""
    with pytest.raises(ValueError, match="true or false"):
        v.switch(raw)


@pytest.mark.parametrize(("raw", "value"), [("16,128", "16,128"), ([16, "128"], "16,128"), (8, "8"), ("4, 4,8", "4,8")])
def test_lengths_are_a_list(raw: object, value: str) -> None:
    """From YAML or divided by commas; none comes twice."""
    assert v.lengths(raw) == value


@pytest.mark.parametrize("raw", ["", "a", "0", "16,-1", [], True, None, "99999999", ",".join("123456789")])
def test_other_lengths_are_refused(raw: object) -> None:
    """One to eight, within what a probe may cost."""
    with pytest.raises(ValueError, match="one to eight lengths in tokens"):
        v.lengths(raw)


def test_bounds_hold_on_both_sides() -> None:
    """The bounds themselves are allowed."""
    read = v.between(v.seconds, 5, 60)
    assert (read("5s"), read("1m")) == (5.0, 60.0)
    for raw in ("4.9", "61s"):
        with pytest.raises(ValueError, match="a value from 5 to 60"):
            read(raw)
