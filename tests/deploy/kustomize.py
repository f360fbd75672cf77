"""What `kubectl kustomize` makes of a folder, and whether Kubernetes would take it."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
RELEASES = ("1.29", "1.37")
"""The first Kubernetes that runs native sidecars by default, and the newest whose schemas there are."""
_CUSTOM = {"PodMonitor": PodMonitor, "PrometheusRule": PrometheusRule, "ScaledObject": ScaledObject}
"""Kinds that are not Kubernetes's own → models generated from their CRDs."""


@cache
def rendered(folder: Path) -> tuple[dict[str, Any], ...]:
    """The resources of a folder."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def validate(resource: dict[str, Any], release: str) -> None:
    """Raise where a field does not fit its schema, or the schema does not know it."""
    custom = _CUSTOM.get(resource["kind"])
    if custom is None:
        kubernetes_validate.validate(resource, release, strict=True)
        return
    # An API server prunes what a CRD does not know, without a word.
    kept = custom.model_validate(resource).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert kept == resource


def one(kind: str, folder: Path = FOLDER) -> dict[str, Any]:
    """The only resource of a kind."""
    (found,) = (resource for resource in rendered(folder) if resource["kind"] == kind)
    return found
