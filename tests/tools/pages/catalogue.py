"""Reads the catalogue of vLLM's series: which release shows what, with which labels and bucket bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Engine = Literal["v0", "v1"]
Version = tuple[int, ...]

_RANGE = re.compile(r"^(?:(?P<op><=|>=)?(?P<low>[\d.]+)|(?P<from>[\d.]+)-(?P<to>[\d.]+))(?: \(.*\))?$")
_HIDDEN = re.compile(r"^(?:(?P<engine>V[01]) )?(?P<low>[\d.]+)-(?P<high>[\d.]+):")


class CatalogueError(ValueError):
    """The catalogue does not say what the pages need."""


def version(text: str) -> Version:
    """Turn "0.10.2" into (0, 10, 2), which sorts as releases do."""
    return tuple(int(part) for part in text.split("."))


@dataclass(frozen=True, slots=True)
class Span:
    """A range of releases, both ends included; None is open."""

    low: Version | None
    high: Version | None

    def __contains__(self, release: Version) -> bool:
        return (self.low is None or self.low <= release) and (self.high is None or release <= self.high)


def parse_span(text: str) -> Span:
    """Read "all", "0.6.4", "<=0.8.3", ">=0.8.4" or "0.6.4-0.8.3", with or without a remark in brackets.

    Raises CatalogueError when the text is none of these.
    """
    if text == "all":
        return Span(None, None)
    found = _RANGE.match(text)
    if found is None:
        raise CatalogueError(f"bucket_sets: {text!r} is no release range such as '0.6.4-0.8.3'")
    if found["from"]:
        return Span(version(found["from"]), version(found["to"]))
    edge = version(found["low"])
    return Span(None if found["op"] == "<=" else edge, None if found["op"] == ">=" else edge)


@dataclass(frozen=True, slots=True)
class Row:
    """One series of the catalogue. `labels` is None where the set is dynamic."""

    name: str
    kind: str
    labels: tuple[str, ...] | None
    help: str
    spans: Mapping[str, Span]
    condition: str
    hidden: Mapping[str, Span]
    buckets: str | None

    def exists(self, release: Version, engine: Engine) -> bool:
        """Whether the release registers the series under that engine, hidden or not."""
        return engine in self.spans and release in self.spans[engine]

    def is_hidden(self, release: Version, engine: Engine) -> bool:
        """Whether it shows only with --show-hidden-metrics-for-version."""
        return engine in self.hidden and release in self.hidden[engine]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All series and all sets of bucket bounds."""

    rows: tuple[Row, ...]
    bucket_sets: Mapping[str, tuple[tuple[Span, tuple[float, ...] | str], ...]]

    def bounds(self, name: str, release: Version) -> tuple[float, ...] | str:
        """Give the finite bounds of a set at a release, or the rule in words where the catalogue has no more.

        Raises CatalogueError when the set or the release is not covered.
        """
        for span, bounds in self.bucket_sets.get(name, ()):
            if release in span:
                return bounds
        raise CatalogueError(f"bucket_sets: no {name!r} for release {'.'.join(map(str, release))}")


def _spans(entry: Mapping[str, Any]) -> dict[str, Span]:
    engines = ("v0", "v1") if entry["engine"] == "both" else (entry["engine"],)
    whole = (entry["first_version"], entry["last_version"])
    spans = {}
    for engine in engines:
        low, high = entry.get(f"{engine}_range", whole)
        spans[engine] = Span(version(low), version(high) if high else None)
    return spans


def _hidden(entry: Mapping[str, Any]) -> dict[str, Span]:
    text = entry.get("hidden")
    if text is None:
        return {}
    found = _HIDDEN.match(text)
    if found is None:
        raise CatalogueError(f"{entry['name']}: hidden: {text!r} does not begin with a release range")
    span = Span(version(found["low"]), version(found["high"]))
    engines = [found["engine"].lower()] if found["engine"] else list(_spans(entry))
    return dict.fromkeys(engines, span)


def _row(entry: Mapping[str, Any]) -> Row:
    labels = entry["labels"]
    return Row(
        name=entry["name"],
        kind=entry["type"],
        labels=None if labels == "dynamic" else tuple(labels),
        help=entry["help"],
        spans=_spans(entry),
        condition=entry["condition"],
        hidden=_hidden(entry),
        buckets=entry.get("buckets"),
    )


def _bounds(value: Any) -> tuple[float, ...] | str:  # noqa: ANN401  YAML gives a list or a sentence
    return value if isinstance(value, str) else tuple(float(bound) for bound in value)


def load(path: Path) -> Catalogue:
    """Read catalogue.yaml.

    Raises CatalogueError when the file cannot be read or lacks what a row must have.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = tuple(_row(entry) for entry in data["metrics"])
        sets = {
            name: tuple((parse_span(span), _bounds(value)) for span, value in spans.items())
            for name, spans in data["bucket_sets"].items()
            if name != "override"
        }
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise CatalogueError(f"{path}: expected a catalogue with bucket_sets and metrics: {error!r}") from error
    return Catalogue(rows=rows, bucket_sets=sets)
