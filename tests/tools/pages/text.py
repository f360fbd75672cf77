"""Writes families as text: prometheus_client's two layouts, and the OpenMetrics of the Rust frontend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Child, Family, Histogram, Summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Sample = tuple[str, "Mapping[str, str]", float]
_TIMED = ("counter", "histogram", "summary")


def _go_float(value: float) -> str:
    """Write a finite number as prometheus_client does, whose exponents begin at 1e+06 as Go's do."""
    plain = repr(float(value))
    point = plain.find(".")
    if value <= 0 or point <= 6:  # Go shows six digits before it turns to exponents
        return plain
    mantissa = f"{plain[0]}.{plain[1:point]}{plain[point + 1 :]}".rstrip("0.")
    return f"{mantissa}e+{point - 1:02d}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _labels(labels: Mapping[str, str], names: Sequence[str]) -> str:
    return "{" + ",".join(f'{name}="{_escape(labels[name])}"' for name in names) + "}" if labels else ""


def _buckets(name: str, labels: Mapping[str, str], value: Histogram) -> Iterator[Sample]:
    for bound, count in zip(value.bounds, value.counts, strict=True):
        yield f"{name}_bucket", {**labels, "le": _go_float(bound)}, count
    yield f"{name}_bucket", {**labels, "le": "+Inf"}, value.count


def _samples(name: str, child: Child, *, total_first: bool) -> Iterator[Sample]:
    """Give the samples of one child; the multiprocess collector writes a histogram's sum first."""
    value, labels = child.value, child.labels
    if not isinstance(value, Histogram | Summary):
        yield name, labels, value
        return
    total: Sample = (f"{name}_sum", labels, value.total)
    if total_first and isinstance(value, Histogram):
        yield total
    if isinstance(value, Histogram):
        yield from _buckets(name, labels, value)
    yield f"{name}_count", labels, value.count
    if not (total_first and isinstance(value, Histogram)):
        yield total


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _created(family: Family, first: float, offset: int) -> Iterator[str]:
    name = f"{family.name.removesuffix('_total') if family.kind == 'counter' else family.name}_created"
    yield from _head(name, "gauge", family.help)
    for index, child in enumerate(family.children):
        when = _go_float(first + (offset + index) * 1.1e-05)
        yield f"{name}{_labels(child.labels, sorted(child.labels))} {when}"


def prometheus_text(families: Sequence[Family], *, first_created: float | None, total_first: bool) -> str:
    """Write the text format 0.0.4 as prometheus_client does: labels sorted, every value a float.

    `first_created` is when the first child was created, in seconds since the epoch; None where the process
    does not export creation times. `total_first` is the multiprocess collector's layout of histograms.
    """
    lines: list[str] = []
    children = 0
    for family in families:
        lines += _head(family.name, family.kind, family.help)
        for child in family.children:
            for name, labels, value in _samples(family.name, child, total_first=total_first):
                lines.append(f"{name}{_labels(labels, sorted(labels))} {_go_float(value)}")
        if first_created is not None and family.created and family.kind in _TIMED:
            lines += _created(family, first_created, children)
        children += len(family.children)
    return "\n".join(lines) + "\n"


def aioprometheus_text(families: Sequence[Family]) -> str:
    """Write as prometheus_client does, but whole numbers have no fraction and empty families are left out."""
    lines: list[str] = []
    for family in families:
        lines += _head(family.name, family.kind, family.help) if family.children else ()
        for child in family.children:
            for name, labels, value in _samples(family.name, child, total_first=False):
                lines.append(f"{name}{_labels(labels, sorted(labels))} {_plain(value)}")
    return "\n".join(lines) + "\n"


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)


_RUST_ORDER = ("le", "model_name", "engine")


def _rust_names(labels: Mapping[str, str]) -> list[str]:
    first = [name for name in _RUST_ORDER if name in labels]
    return first + sorted(set(labels) - set(first))


def _rust_samples(family: Family, child: Child) -> Iterator[tuple[str, Mapping[str, str], str]]:
    name, value, labels = family.name, child.value, child.labels
    if isinstance(value, Histogram):
        yield f"{name}_sum", labels, repr(value.total)
        yield f"{name}_count", labels, str(value.count)
        yield from ((series, names, _plain(count)) for series, names, count in _buckets(name, labels, value))
    elif isinstance(value, Summary):
        yield f"{name}_sum", labels, repr(value.total)
        yield f"{name}_count", labels, str(value.count)
    else:
        # A ratio is a float gauge and keeps its fraction even at 0.
        yield name, labels, repr(value) if name.endswith("_perc") else _plain(value)


def _rust_family_name(family: Family) -> str:
    return family.name.removesuffix("_total") if family.kind == "counter" else family.name


def openmetrics_text(families: Sequence[Family]) -> str:
    """Write OpenMetrics 1.0 as the Rust frontend does: counters declared without `_total`, `# EOF` last."""
    lines: list[str] = []
    for family in families:
        lines += _head(_rust_family_name(family), family.kind, f"{family.help.rstrip('.')}.")
        for child in family.children:
            for name, labels, value in _rust_samples(family, child):
                lines.append(f"{name}{_labels(labels, _rust_names(labels))} {value}")
    return "\n".join([*lines, "# EOF"]) + "\n"
