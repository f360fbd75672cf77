"""The set in one picture: who said so how long before it hurt, incident by incident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt

from lab.plots import INCIDENT, PAGE, PAIN, TICKET, save
from lab.run import OURS
from lab.summary import gradual, packs

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from lab.kept import Result

LIMIT_MINUTES = 20.0
"""Leads beyond it are drawn at the edge."""


def overview(results: list[Result], path: Path) -> None:
    """Write the picture of all incidents that come by and by."""
    runs = sorted(filter(gradual, results), key=lambda run: _minutes(run["scores"][OURS]["lead"], never=-99.0))
    if not runs:
        return
    figure, axis = plt.subplots(figsize=(9.5, 1.6 + 0.34 * len(runs)))
    axis.axvspan(-LIMIT_MINUTES, 0, color=PAIN, alpha=0.08, linewidth=0)
    axis.axvline(0, color=PAIN, linewidth=1)
    for place, run in enumerate(runs):
        axis.axhline(place, color="#e5e7e9", linewidth=0.8, zorder=0)
        _row(axis, place, run)
    axis.set_yticks(range(len(runs)), [f"{run['scenario']} ({run['replicas']})" for run in runs], fontsize=8)
    axis.set_xlim(-LIMIT_MINUTES, LIMIT_MINUTES)
    axis.set_xlabel("minutes before the first user hurts (right: ahead; left: too late)")
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axis.legend(unique.values(), unique.keys(), loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=4, frameon=False)
    figure.tight_layout()
    save(figure, path)


def _row(axis: Axes, place: int, run: Result) -> None:
    scores = run["scores"]
    rivals = [scores[pack]["lead"] for pack in packs([run]) if pack != OURS and scores[pack]["lead"] is not None]
    known = (run["oracle"] or {}).get("held")
    marks = (
        ("oracle: this load is too much", known, "|", INCIDENT, 160),
        ("best rival page", max(rivals, default=None), "o", TICKET, 34),
        ("14.4×1h burn-rate page", scores[OURS]["burn_lead"], "v", PAIN, 34),
        ("forewarn, first page", scores[OURS]["lead"], "D", PAGE, 46),
    )
    for label, lead, marker, colour, size in marks:
        at = LIMIT_MINUTES * 2 if lead is None else _minutes(lead)
        axis.scatter([at], [place], marker=marker, color=colour, s=size, label=label, zorder=3)


def _minutes(seconds: float | None, never: float = 0.0) -> float:
    return never if seconds is None else max(-LIMIT_MINUTES + 0.3, min(LIMIT_MINUTES - 0.3, seconds / 60))
