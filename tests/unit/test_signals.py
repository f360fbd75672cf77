"""The canonical signals: one row each, every one obtainable and explained."""

from __future__ import annotations

from forewarn import signals as s
from forewarn.engines.vllm_table import PLUGIN_ROWS, ROWS

DERIVED = {s.EMPTY, s.ARRIVED}
OUTSIDE_THE_TABLE = {s.KV_CAPACITY, s.START_TIME}
INPUTS_ONLY = {s.STEPS, s.GENERATION_LENGTH, s.MAX_TOKENS_ASKED}


def test_names_are_unique_and_indexed() -> None:
    """A signal is one row."""
    assert list(s.BY_NAME) == [signal.name for signal in s.SIGNALS]
    assert len(s.BY_NAME) == len(s.SIGNALS)


def test_every_signal_is_read_or_derived_and_every_row_has_its_signal() -> None:
    """No signal without a source, no row that nobody hears of."""
    read = {row.signal for row in ROWS}
    assert set(s.BY_NAME) == (read - INPUTS_ONLY) | DERIVED | OUTSIDE_THE_TABLE | {s.PLUGIN}
    # What the plugin counts shows up under the signal that it counts better.
    plugin = {row.signal for row in PLUGIN_ROWS}
    assert {s.PLUGIN, *s.EXACT.values(), *s.BUDGETS.values()} <= plugin
    assert plugin & read == set()
    assert read >= INPUTS_ONLY


def test_core_signals_are_never_optional() -> None:
    """What decides the verdict of a check is expected of every engine."""
    assert set(s.CORE) == {signal.name for signal in s.SIGNALS if signal.core}
    assert not [signal.name for signal in s.SIGNALS if signal.core and signal.optional]


def test_what_is_blind_without_a_signal_is_said() -> None:
    """A missing signal can be weighed by whoever reads of it."""
    assert all(signal.blind for signal in s.SIGNALS)
