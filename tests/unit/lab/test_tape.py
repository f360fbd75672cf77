"""Series in promtool's notation."""

from __future__ import annotations

import json

import pytest

from lab.tape import Tape, number

TARGET = {"instance": "a"}


def test_a_series_that_comes_late_pauses_and_ends_is_marked_stale() -> None:
    """Nothing before its first value, a staleness mark at the first scrape without it, nothing after that."""
    tape = Tape()
    for value in (None, 1.0, None, None, 2.5, None, None):
        tape.begin()
        if value is not None:
            tape.add("x", {}, TARGET, value)
    assert tape.input_series(frozenset({"x"})) == [{"series": 'x{instance="a"}', "values": "_ _ 1 stale _ 2.5 stale"}]


def test_only_names_that_a_rule_reads_are_kept_and_the_target_labels_win() -> None:
    """A label of the page cannot pretend to be the target's; a dumped tape is the same."""
    tape = Tape()
    tape.begin()
    tape.add("x", {"instance": "mine", "le": '"'}, TARGET, 0.1)
    tape.add("y", {}, TARGET, 1.0)
    tape = Tape.load(json.loads(json.dumps(tape.dump())))
    assert tape.input_series(frozenset({"x"})) == [{"series": 'x{instance="a",le="\\""}', "values": "_ 0.1"}]


@pytest.mark.parametrize("value", [0.0, 1.5e300, 1e-7, 1700000000.123456, 1 / 3, float("inf")])
def test_numbers_keep_every_digit(value: float) -> None:
    """What is read back is what was written."""
    assert float(number(value)) == value
