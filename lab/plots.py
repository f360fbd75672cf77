"""One picture per scenario: what the fleet did, when its users hurt, and who had said so when.

SVG from matplotlib, with fixed hashes and no date, so that the same results give the same bytes.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lab.kept import Result

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "forewarn"
mpl.rcParams["font.size"] = 9
mpl.rcParams["svg.fonttype"] = "none"  # text stays text: smaller, and a reader can search it

import matplotlib.pyplot as plt  # noqa: E402  the backend is chosen first

PAIN, PAGE, TICKET, INCIDENT = "#c0392b", "#b9770e", "#a9a9a9", "#5d6d7e"
WAITING, RUNNING, KV, TTFT = "#6c3483", "#aed6f1", "#1e8449", "#1f618d"
MAX_ROWS = 14
TITLE_CHARACTERS = 105
_LINEAR = 10
"""Requests up to which the axis is linear; logarithmic above."""


def plot(result: Result, path: Path) -> None:
    """Write the picture of one run."""
    rows = _rows(result)
    figure, axes = plt.subplots(
        3, 1, figsize=(9.5, 5.2 + 0.2 * len(rows)), sharex=True, height_ratios=[2, 1.6, 0.5 + 0.24 * len(rows)]
    )
    _load(axes[0], result)
    _latency(axes[1], result)
    _alerts(axes[2], result, rows)
    for axis in axes:
        for spell in result["pain"]:
            axis.axvspan(spell["start"] / 60, spell["end"] / 60, color=PAIN, alpha=0.13, linewidth=0)
        if result["incident"]:
            axis.axvline(result["incident"]["at"] / 60, color=INCIDENT, linestyle=":", linewidth=1.2)
        axis.spines[["top", "right"]].set_visible(False)
    title = "\n".join(wrap(f"{result['scenario']}: {result['description']}", TITLE_CHARACTERS))
    axes[0].set_title(title, loc="left", fontsize=10)
    axes[2].set_xlabel("minutes of the scenario; red: users hurt; dotted: the incident begins")
    figure.tight_layout()
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure and forget it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    # matplotlib leaves spaces at line ends, which git marks.
    path.write_text("\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()) + "\n")


def _load(axis: Axes, result: Result) -> None:
    signals = result["curves"]["signals"]
    time = [signal["time"] / 60 for signal in signals]
    axis.fill_between(time, [signal["running"] for signal in signals], color=RUNNING, label="running", linewidth=0)
    axis.plot(time, [signal["waiting"] for signal in signals], color=WAITING, label="waiting", linewidth=1.2)
    axis.set_ylabel("requests")
    if any(max(signal["running"], signal["waiting"]) > _LINEAR for signal in signals):
        axis.set_yscale("symlog", linthresh=_LINEAR)
    axis.set_ylim(bottom=0)
    right = axis.twinx()
    right.plot(time, [100 * signal["kv_usage"] for signal in signals], color=KV, label="KV cache (right)", linewidth=1)
    right.set_ylim(0, 105)
    right.set_ylabel("KV cache, %")
    right.spines[["top"]].set_visible(False)
    handles = [*axis.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    axis.legend(handles=handles, loc="upper left", ncols=3, frameon=False)


def _latency(axis: Axes, result: Result) -> None:
    points = result["curves"]["ttft_p99"]
    axis.plot([time / 60 for time, _ in points], [value for _, value in points], color=TTFT, linewidth=1.2)
    axis.axhline(result["slo"]["ttft"], color=PAIN, linewidth=0.8, linestyle="--")
    axis.set_yscale("log")
    axis.set_ylabel("TTFT p99, s")
    axis.annotate(
        "SLO", (result["duration"] / 60, result["slo"]["ttft"]), color=PAIN, fontsize=8, va="bottom", ha="right"
    )


def _rows(result: Result) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """(label, colour, episodes): ours by alert, then each rival's pages on one line."""
    scores = result["scores"]
    ours: dict[str, list[dict[str, Any]]] = {}
    for episode in scores["forewarn"]["episodes"]:
        if episode["severity"] != "info":
            ours.setdefault(f"{episode['alert']}|{episode['severity']}", []).append(episode)
    rows = [
        (key.partition("|")[0], PAGE if key.endswith("critical") else TICKET, found)
        for key, found in sorted(ours.items(), key=lambda item: item[1][0]["start"])
    ][:MAX_ROWS]
    for name, score in scores.items():
        pages = [episode for episode in score["episodes"] if episode["severity"] == "critical"]
        if name != "forewarn":
            rows.append((f"{name}, pages", INCIDENT, pages))
    return rows


def _alerts(axis: Axes, result: Result, rows: list[tuple[str, str, list[dict[str, Any]]]]) -> None:
    for place, (_, colour, episodes) in enumerate(rows):
        bars = [(e["start"] / 60, (e["end"] - e["start"]) / 60) for e in episodes]
        axis.broken_barh(bars, (place - 0.35, 0.7), color=colour)
        for episode in episodes:
            if not episode["true"]:
                axis.annotate("false", (episode["start"] / 60, place), fontsize=7, va="center", ha="right", color=PAIN)
    axis.set_yticks(range(len(rows)), [label for label, _, _ in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(0, result["duration"] / 60)
