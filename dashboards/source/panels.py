"""Kinds of panels: what all of them share stands here once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from dashboards.source.queries import Query

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
COLOURS = (("green", None), ("orange", 0.8), ("red", 1.0))
"""For a share of an objective: near it from 80 %, past it from 100 %."""
BAD_FROM_ONE = (("green", None), ("red", 1.0))
PLAIN = (("text", None),)
"""For numbers that are neither good nor bad."""
GREY = "#8e8e8e"
"""Seen on light and on dark."""
DASHES = {"limit": [10, 10], "faint": [2, 4]}
"""Long for objectives; short for company such as peaks, where Grafana's own dots are too pale to see."""
LINKS = {
    "alertname": ("Runbook", "${runbooks}/${__value.raw}.md"),
    "instance": ("This replica in depth", "/d/forewarn-replica?var-instance=${__value.raw}&${datasource:queryparam}"),
}
"""Where a label's cell in a table leads."""
WIDTHS = {"severity": 75, "instance": 135, "signal": 150}
"""Pixels of columns that need them; the others share the rest."""
Texts = Mapping[int, tuple[str, str]] | Mapping[str, tuple[str, str]]
"""What a value is called, and its colour."""
YES_OR_NO: Texts = {1: ("yes", "green"), 0: ("NO", "red")}
"""For what should be 1."""
NO_OR_YES: Texts = {0: ("no", "green"), 1: ("YES", "red")}
"""For what should be 0."""
SEVERITIES: Texts = {"critical": ("critical", "red"), "warning": ("warning", "orange"), "info": ("info", "text")}
Steps = Sequence[tuple[str, float | None]]
"""Colours, each from a value on; the first from anywhere."""


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
    """Lines over time from 0; objectives dashed in red, peaks and forecasts in short grey dashes.

    Colours go by place: the first four are far from red, which a tired person takes for an alarm. By name, two replicas
    may get the same, and a deployment red.
    """
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
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
        .legend(common.VizLegendOptions().show_legend(show_legend=True).placement(options.LegendPlacement.BOTTOM))
    )
    for place, query in enumerate(queries):
        ref = chr(ord("A") + place)
        panel.with_target(_target(query, ref).range())
        if changed := [*_look(query.look), *_unit(query.unit)]:
            panel.override_by_query(ref, changed)
    return panel


def good(ending: str, panel: timeseries.Panel) -> timeseries.Panel:
    """The panel, with the lines whose name ends so in purple: what should be most of it must not look like an alarm."""
    purple = _override("color", {"mode": "fixed", "fixedColor": "purple"})
    return panel.override_by_regexp(f"/{ending}$/", [purple])


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
    return numbers(words, queries, "none", BAD_FROM_ONE)


def numbers(words: Words, queries: Sequence[Query], unit: str, steps: Steps = PLAIN) -> stat.Panel:
    """Numbers of this moment, one above the other, coloured by `steps`."""
    panel = (
        stat.Panel()
        .title(words.title)
        .description(words.description)
        .links([*words.links()])
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value("No data")
        .thresholds(_thresholds(steps))
        .orientation(options.VizOrientation.HORIZONTAL)
        .graph_mode(options.BigValueGraphMode.NONE)
        .text_mode(options.BigValueTextMode.VALUE_AND_NAME)
    )
    for place, query in enumerate(queries):
        ref = chr(ord("A") + place)
        panel.with_target(_target(query, ref).instant())
        if query.unit:
            panel.override_by_query(ref, _unit(query.unit))
    return panel


def states(words: Words, queries: Sequence[Query], texts: Texts) -> statetimeline.Panel:
    """A band a series, whose value is a state: value → what it is called, and its colour."""
    panel = (
        statetimeline.Panel()
        .title(words.title)
        .description(words.description)
        .links([*words.links()])
        .datasource(DATASOURCE)
        .unit("none")
        .no_value("No data")
        .mappings([_mapping(texts)])
        .thresholds(_thresholds(PLAIN))
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .show_value(options.VisibilityMode.AUTO)
        .legend(common.VizLegendOptions().show_legend(show_legend=False))
    )
    for place, query in enumerate(queries):
        panel.with_target(_target(query, chr(ord("A") + place)).range())
    return panel


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers in a table: the query's legend is its title, `steps` colour its text, `texts` replace it."""

    query: Query
    steps: Steps = PLAIN
    texts: Texts | None = None


def grid(words: Words, columns: Sequence[Column], labels: Mapping[str, str], nothing: str) -> table.Panel:
    """A table of instant queries that all end in the same labels: label → title first, then the columns of numbers.

    `nothing` is shown when all are empty; a column whose query is empty is left out.
    """
    refs = {chr(ord("A") + place): column for place, column in enumerate(columns)}
    values = {f"Value #{ref}" if len(refs) > 1 else "Value": column.query.legend for ref, column in refs.items()}
    panel = _table(words, {**labels, **values}, nothing)
    for ref, column in refs.items():
        panel.with_target(_target(column.query, ref).instant().format(PromQueryFormat.TABLE))
        changed = [_override("noValue", "–"), *_unit(column.query.unit)]
        if column.steps != PLAIN:
            steps = [{"color": colour, "value": value} for colour, value in column.steps]
            changed.append(_override("thresholds", {"mode": "absolute", "steps": steps}))
        if column.texts:
            changed.append(_override("mappings", [_mapping(column.texts).to_json()]))
        if column.texts or column.steps != PLAIN:
            changed.append(_override("custom.cellOptions", {"type": "color-text"}))
        panel.override_by_name(column.query.legend, changed)
    return panel


def rows(words: Words, query: Query, columns: Mapping[str, str], nothing: str) -> table.Panel:
    """A table of an instant query: label → column title, in this order; `nothing` is shown when it is empty."""
    return _table(words, columns, nothing).with_target(_target(query, "A").instant().format(PromQueryFormat.TABLE))


def _table(words: Words, columns: Mapping[str, str], nothing: str) -> table.Panel:
    organise = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": dict(columns),
    }
    panel = (
        table.Panel()
        .title(words.title)
        .description(words.description)
        .links([*words.links()])
        .datasource(DATASOURCE)
        .unit("none")
        .no_value(nothing)
        .min_width(70)
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(model.DataTransformerConfig(id_val="organize", options=organise))
    )
    for label in sorted(columns.keys() & LINKS.keys()):
        title, url = LINKS[label]
        panel.override_by_name(columns[label], [_override("links", [{"title": title, "url": url}])])
    for label in sorted(columns.keys() & WIDTHS.keys()):
        panel.override_by_name(columns[label], [_override("custom.width", WIDTHS[label])])
    if "severity" in columns:
        changed = [_override("mappings", [_mapping(SEVERITIES).to_json()])]
        panel.override_by_name(columns["severity"], [*changed, _override("custom.cellOptions", {"type": "color-text"})])
    return panel


def _target(query: Query, ref: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(ref).datasource(DATASOURCE)


def _look(look: str) -> list[model.DynamicConfigValue]:
    if look == "line":
        return []
    changed = [
        _override("custom.lineStyle", {"fill": "dash", "dash": DASHES[look]}),
        _override("custom.lineWidth", 1),
    ]
    return [*changed, _override("color", {"mode": "fixed", "fixedColor": "red" if look == "limit" else GREY})]


def _unit(unit: str | None) -> list[model.DynamicConfigValue]:
    return [_override("unit", unit)] if unit else []


def _override(name: str, value: object) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val=name, value=value)


def _mapping(texts: Texts) -> model.ValueMap:
    return model.ValueMap(
        options={
            str(value): model.ValueMappingResult(text=text, color=colour, index=place)
            for place, (value, (text, colour)) in enumerate(texts.items())
        }
    )


def _thresholds(steps: Steps) -> build.ThresholdsConfig:
    return (
        build.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(color=colour, value=value) for colour, value in steps])
    )
