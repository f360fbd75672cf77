"""The plugin's variables: defaults as the sidecar's, mistakes as one line, never an error."""

from __future__ import annotations

import pytest

from forewarn.config_keys import BY_PATH
from forewarn.plugin import settings
from forewarn.plugin.settings import BUDGETS, VARIABLES, read


def test_budgets_default_to_the_sidecars() -> None:
    """Two parts of one product judge by the same budget until told otherwise."""
    assert read({}).enabled
    assert read({}).budgets == {sli: BY_PATH[f"objectives.{sli}_seconds"].default for sli in BUDGETS}


def test_names_are_the_sidecars_behind_the_plugins_prefix() -> None:
    """FOREWARN_X of the sidecar is FOREWARN_PLUGIN_X of the plugin."""
    for sli, variable in BUDGETS.items():
        ours = BY_PATH[f"objectives.{sli}_seconds"].variable
        assert variable.name == ours.replace("FOREWARN_", "FOREWARN_PLUGIN_", 1)


def test_variables_are_read() -> None:
    """Budgets take any positive number of seconds."""
    chosen = read({BUDGETS["ttft"].name: "0.5", BUDGETS["e2e"].name: "1e2", "OTHER": "x"})
    assert chosen.budgets == {"ttft": 0.5, "tpot": 0.1, "e2e": 100}


@pytest.mark.parametrize(("text", "on"), [("0", False), ("OFF", False), (" no ", False), ("1", True), ("Yes", True)])
def test_the_off_switch(text: str, on: bool) -> None:  # noqa: FBT001  table
    """Common words of either side are understood."""
    assert read({"FOREWARN_PLUGIN_ENABLED": text}).enabled == on


@pytest.mark.parametrize("text", ["", "nope", "-1", "0", "nan", "inf", "2s"])
def test_a_budget_that_is_none_is_not_judged_by(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """No default in its place: a count at another budget than the one asked for would be wrong."""
    assert "tpot" not in read({BUDGETS["tpot"].name: text}).budgets
    (record,) = caplog.records
    assert record.getMessage().startswith("FOREWARN_PLUGIN_OBJECTIVES_TPOT_SECONDS: expected a number of seconds, got")


def test_a_switch_that_is_none_switches_off(caplog: pytest.LogCaptureFixture) -> None:
    """Who reaches for the switch wants it off."""
    assert not read({"FOREWARN_PLUGIN_ENABLED": "of"}).enabled
    assert caplog.messages == ["FOREWARN_PLUGIN_ENABLED: expected true or false, got 'of': the plugin is off"]


def test_an_unknown_variable_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A misspelt budget does not go unnoticed."""
    read({"FOREWARN_PLUGIN_TTFT": "1"})
    assert caplog.messages == ["FOREWARN_PLUGIN_TTFT: unknown variable, ignored"]


def test_each_variable_is_documented_once() -> None:
    """The table that docs/configuration.md is made from."""
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)
    assert all(variable.help.endswith(".") for variable in VARIABLES)
    assert settings.LOG.name == "forewarn.plugin"
