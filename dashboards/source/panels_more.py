"""Shapes that some boards give to the shared kinds of panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model

from dashboards.source import panels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders import table, timeseries

    from dashboards.source.panels import Words
    from dashboards.source.queries import Query

Band = tuple[float | None, float | None, str, str]
"""From, to (open where None), what numbers between them are called, and their colour."""


def lines(words: Words, queries: Sequence[Query], unit: str) -> timeseries.Panel:
    """Lines over time whose colours differ: colours made from names are sometimes nearly the same."""
    mode = build.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC)
    return panels.series(words, queries, unit).color_scheme(mode)


def counted(words: Words, queries: Sequence[Query]) -> timeseries.Panel:
    """Steps, for what is counted: there is no half replica, and nothing but zeros is no scale up to 100."""
    return lines(words, queries, "none").line_interpolation(options.LineInterpolation.STEP_AFTER).axis_soft_max(3)


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Areas on top of each other: the parts and their sum in one shape."""
    return panel.fill_opacity(40).line_width(1).stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))


def shaded(panel: timeseries.Panel, colours: Sequence[str]) -> timeseries.Panel:
    """One colour a query, and its shades where the query has several lines."""
    for place, colour in enumerate(colours):
        value = {"mode": "shades", "fixedColor": colour}
        panel.override_by_query(chr(ord("A") + place), [model.DynamicConfigValue(id_val="color", value=value)])
    return panel


def zoomed(panel: timeseries.Panel, count: int) -> timeseries.Panel:
    """An axis from the lowest value instead of 0, where a few points matter; `count` is the number of queries."""
    for place in range(count):
        panel.override_by_query(chr(ord("A") + place), [model.DynamicConfigValue(id_val="min", value=None)])
    return panel


def narrow(panel: table.Panel, **wider: int) -> table.Panel:
    """Columns that all fit at 1,280 pixels, some of them of a width of their own."""
    for column, width in wider.items():
        panel.override_by_name(column, [model.DynamicConfigValue(id_val="custom.width", value=width)])
    return panel.min_width(85)


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
