"""Thresholds as series, so that rule files stay static."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn.catalogue import OBJECTIVES

if TYPE_CHECKING:
    from forewarn.collectors.base import Families, View

_PREFIX = "llm_objective_"


def collect(view: View, out: Families) -> None:
    """Add `llm_objective_*` for every objective that is set; they outlive the engine."""
    for metric in OBJECTIVES:
        value = view.config.optional("objectives." + metric.name.removeprefix(_PREFIX))
        for labels in view.known():
            out.add(metric.name, labels, value)
