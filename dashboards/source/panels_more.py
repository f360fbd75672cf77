"""Shapes that some boards give to the shared kinds of panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders import table, timeseries

Band = tuple[float | None, float | None, str, str]
"""From, to (open where None), what numbers between them are called, and their colour."""


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Areas on top of each other: the parts and their sum in one shape."""
    return panel.fill_opacity(40).line_width(1).stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))


def stepped(panel: timeseries.Panel) -> timeseries.Panel:
    """Steps, for what is counted: there is no half replica on the way from three to four."""
    return panel.line_interpolation(options.LineInterpolation.STEP_AFTER).decimals(0)


def by_column(panel: table.Panel, column: str, *, falling: bool) -> table.Panel:
    """The worst row on top."""
    return panel.sort_by([common.TableSortByFieldState().display_name(column).desc(falling)])


def in_words(panel: table.Panel, column: str, bands: Sequence[Band]) -> table.Panel:
    """A column whose numbers are shown as words."""
    mappings = [
        model.RangeMap(
            options=model.DashboardRangeMapOptions(
                from_val=low, to=high, result=model.ValueMappingResult(text=text, color=colour, index=place)
            )
        )
        for place, (low, high, text, colour) in enumerate(bands)
    ]
    return panel.override_by_name(
        column,
        [
            model.DynamicConfigValue(id_val="mappings", value=mappings),
            model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
        ],
    )
