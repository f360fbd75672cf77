"""Files made from the pack: its manifest and the Prometheus operator's resource."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from forewarn import SCHEMA_VERSION, rulepack
from tools import generated
from tools.rules.pack import ROOT, RULES, RUNBOOKS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MINIMUM_EXPORTER = "0.1.0"
"""The first sidecar that exports the schema which the rules read."""
MINIMUM_PROMETHEUS = "2.42.0"
"""The first release that knows keep_firing_for."""
VLLM = {"oldest": "0.2.7", "newest": "0.33.0"}
"""The releases whose pages the sidecar is tested on (tests/golden)."""
OPERATOR_LABELS = {"role": "alert-rules"}
"""What kube-prometheus's ruleSelector asks for; another installation renders its own with `forewarn rules`."""


def manifest() -> str:
    """v1/manifest.json: what the pack needs, and what its files are."""
    files = (*sorted(SOURCES.glob("*.rules.yml")), *sorted(RUNBOOKS.glob("*.md")))
    tree = {
        "pack": rulepack.version(),
        "schema": SCHEMA_VERSION,
        "minimum_exporter": MINIMUM_EXPORTER,
        "minimum_prometheus": MINIMUM_PROMETHEUS,
        "vllm": VLLM,
        "sha256": {path.relative_to(RULES).as_posix(): _digest(path) for path in files},
    }
    return json.dumps(tree, indent=2) + "\n"


def resource() -> str:
    """The PrometheusRule resource."""
    return rulepack.operator(OPERATOR_LABELS)


FILES: Mapping[str, Callable[[], str]] = {
    "rules/v1/manifest.json": manifest,
    "deploy/kubernetes/prometheusrule.yaml": resource,
}
"""Rendered file → what makes its text."""


def stale(root: Path = ROOT) -> dict[Path, str]:
    """The files that are not what they should be, with what they should be."""
    return generated.stale(_wanted(root))


def run(*, check: bool, root: Path = ROOT) -> int:
    """Write what is not current, or only say so; 1 when a check finds something."""
    return generated.update(_wanted(root), "render", check=check, root=root)


def _wanted(root: Path) -> dict[Path, str]:
    return {root / name: make() for name, make in FILES.items()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
