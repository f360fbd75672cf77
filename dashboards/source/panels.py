"""Kinds of panels: what all of them share stands here once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.source.queries import Query

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
COLOURS = (("green", None), ("orange", 0.8), ("red", 1.0))
"""For a share of an objective: near it from 80 %, past it from 100 %."""
BAD_FROM_ONE = (("green", None), ("red", 1.0))


@dataclass(frozen=True, slots=True)
class Words:
    """What a panel says: its title, the bad shape, what to do then, and the alerts whose runbooks it links to."""

    title: str
    bad: str
    do: str
    runbooks: tuple[str, ...]

    @property
    def description(self) -> str:
        """Text behind the panel's (i)."""
        return f"**Bad:** {self.bad}\n\n**Do:** {self.do}"

    def links(self) -> list[build.DashboardLink]:
        """Links of the panel's menu."""
        return [
            build.DashboardLink(f"Runbook {name}").url(f"${{runbooks}}/{name}.md").target_blank(target_blank=True)
            for name in self.runbooks
        ]


def series(words: Words, queries: Sequence[Query], unit: str) -> timeseries.Panel:
    """Lines over time from 0; objectives dashed in red, peaks and forecasts dotted."""
    panel = (
        timeseries.Panel()
        .title(words.title)
        .description(words.description)
        .links([*words.links()])
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .line_width(2)
        .show_points(options.VisibilityMode.NEVER)
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
        .legend(common.VizLegendOptions().show_legend(show_legend=True).placement(options.LegendPlacement.BOTTOM))
    )
    for place, query in enumerate(queries):
        ref = chr(ord("A") + place)
        panel.with_target(_target(query, ref).range())
        if query.look != "line":
            panel.override_by_query(ref, _look(query.look))
    return panel


def bars(words: Words, queries: Sequence[Query], unit: str) -> bargauge.Panel:
    """One bar a query, as a share of its objective."""
    panel = (
        bargauge.Panel()
        .title(words.title)
        .description(words.description)
        .links([*words.links()])
        .datasource(DATASOURCE)
        .unit(unit)
        .decimals(0)
        .min(0)
        .max(1)
        .no_value("No data")
        .thresholds(_thresholds(COLOURS))
        .orientation(options.VizOrientation.HORIZONTAL)
        .display_mode(options.BarGaugeDisplayMode.BASIC)
        .name_placement(options.BarGaugeNamePlacement.LEFT)
    )
    for place, query in enumerate(queries):
        panel.with_target(_target(query, chr(ord("A") + place)).instant())
    return panel


def counts(words: Words, queries: Sequence[Query]) -> stat.Panel:
    """Numbers that should be 0, one above the other."""
    panel = (
        stat.Panel()
        .title(words.title)
        .description(words.description)
        .links([*words.links()])
        .datasource(DATASOURCE)
        .unit("none")
        .no_value("No data")
        .thresholds(_thresholds(BAD_FROM_ONE))
        .orientation(options.VizOrientation.HORIZONTAL)
        .graph_mode(options.BigValueGraphMode.NONE)
        .text_mode(options.BigValueTextMode.VALUE_AND_NAME)
    )
    for place, query in enumerate(queries):
        panel.with_target(_target(query, chr(ord("A") + place)).instant())
    return panel


def rows(words: Words, query: Query, columns: Mapping[str, str], nothing: str) -> table.Panel:
    """A table of an instant query: label → column title, in this order; `nothing` is shown when it is empty."""
    organise = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": dict(columns),
    }
    return (
        table.Panel()
        .title(words.title)
        .description(words.description)
        .links([*words.links()])
        .datasource(DATASOURCE)
        .unit("none")
        .no_value(nothing)
        .with_target(_target(query, "A").instant().format(PromQueryFormat.TABLE))
        .with_transformation(model.DataTransformerConfig(id_val="organize", options=organise))
    )


def _target(query: Query, ref: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(ref).datasource(DATASOURCE)


def _look(look: str) -> list[model.DynamicConfigValue]:
    fill = "dash" if look == "limit" else "dot"
    changed = [
        model.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": fill}),
        model.DynamicConfigValue(id_val="custom.lineWidth", value=1),
    ]
    if look == "limit":
        changed.append(model.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": "red"}))
    return changed


def _thresholds(steps: Sequence[tuple[str, float | None]]) -> build.ThresholdsConfig:
    return (
        build.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(color=colour, value=value) for colour, value in steps])
    )
