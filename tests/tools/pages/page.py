"""Puts a page together: which families stand on it, in which order, in which text format."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .families import vllm_families
from .spec import FIRST_CREATED
from .surround import aioprometheus_families, http_families, process_families, ray_families
from .text import aioprometheus_text, openmetrics_text, prometheus_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .catalogue import Catalogue
    from .model import Family
    from .spec import PageSpec

_MERGED_ORDER = {
    "v0": ("counter", "info", "histogram", "gauge", "summary"),
    "v1": ("pid", "counter", "gauge", "info", "histogram", "summary"),
}


def _file_kind(family: Family) -> str:
    """Name the file in which a multiprocess registry keeps a family; families of one file stay together."""
    if family.name.endswith("cache_config_info"):
        return "info"
    if any("pid" in child.labels for child in family.children):
        return "pid"
    return family.kind


def _merged(families: Iterable[Family], spec: PageSpec) -> list[Family]:
    """Order families as the multiprocess collector does: by file, and only those with a sample."""
    order = _MERGED_ORDER[spec.engine]
    return sorted((f for f in families if f.children), key=lambda family: order.index(_file_kind(family)))


def _renamed(families: Iterable[Family], prefix: str) -> list[Family]:
    return [replace(f, name=prefix + f.name.removeprefix("vllm:")) for f in families]


def engine_families(spec: PageSpec, catalogue: Catalogue) -> list[Family]:
    """Build vLLM's own families as the page shows them, under the page's prefix."""
    families = vllm_families(spec, catalogue)
    if spec.registry in {"aioprometheus", "ray", "multiprocess"}:
        families = [family for family in families if family.children]
    return _renamed(families, spec.prefix)


def all_families(spec: PageSpec, catalogue: Catalogue) -> list[Family]:
    """List every family of the page, in order."""
    own = engine_families(spec, catalogue)
    http = http_families(spec) if spec.has_http_series else []
    match spec.registry:
        case "single":
            return [*process_families(), *own, *http]
        case "multiprocess":
            return _merged([*own, *http], spec)
        case "ray":
            return [*ray_families(spec), *own]
        case "aioprometheus":
            return [*aioprometheus_families(), *own]
        case "rust":
            return [*own, *http]


def text(spec: PageSpec, catalogue: Catalogue) -> str:
    """Write the page."""
    families = all_families(spec, catalogue)
    if spec.registry == "rust":
        return openmetrics_text(families)
    if spec.registry == "aioprometheus":
        return aioprometheus_text(families)
    created = FIRST_CREATED if spec.has_created_series else None
    return prometheus_text(families, first_created=created, total_first=spec.registry == "multiprocess")
