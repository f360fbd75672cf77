"""Tables and plots of the fidelity check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl

from lab.fidelity_compare import SIGNALS, differences, firsts, order_agrees, ttft

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lab.fidelity_capture import Run

SLACK = 2.0
"""Seconds between two signals that count as the same moment when their order is compared."""
TITLES = {"running": "running", "waiting": "waiting", "kv_usage": "KV use", "preemptions": "preemptions"}
REAL, PACED, PREDICTED = "#444444", "#d95f02", "#1b9e77"


@dataclass(frozen=True, slots=True)
class Case:
    """One load: what was measured, the model at the measured machine speed, and the model at the fitted speed alone."""

    real: Run
    paced: Run
    predicted: Run


def tables(cases: Sequence[Case]) -> str:
    """Return the tables of one part of the report, in Markdown."""
    return "\n".join([*_errors(cases), "", *_latencies(cases), "", *_orders(cases)])


def _errors(cases: Sequence[Case]) -> Iterator[str]:
    yield "| load | signal | peak, measured | model | mean error | of the peak | correlation | share, fitted speed |"
    yield "|---|---|---|---|---|---|---|---|"
    for case in cases:
        pairs = zip(differences(case.real, case.paced), differences(case.real, case.predicted), strict=True)
        for at_pace, alone in pairs:
            if not (at_pace.peak_real or at_pace.peak_model):
                continue
            correlation = "–" if at_pace.correlation is None else f"{at_pace.correlation:.3f}"
            yield (
                f"| {case.real.name} | {TITLES[at_pace.signal]} | {at_pace.peak_real:.3g} | {at_pace.peak_model:.3g} "
                f"| {at_pace.mean_error:.3g} | {at_pace.relative:.1%} | {correlation} | {alone.relative:.1%} |"
            )


def _latencies(cases: Sequence[Case]) -> Iterator[str]:
    yield "| load | TTFT p50 / p95, measured (s) | model, measured pace | model, fitted speed |"
    yield "|---|---|---|---|"
    for case in cases:
        cells = " | ".join("{:.3f} / {:.2f}".format(*ttft(run)) for run in (case.real, case.paced, case.predicted))
        yield f"| {case.real.name} | {cells} |"


def _orders(cases: Sequence[Case]) -> Iterator[str]:
    names = tuple(firsts(cases[0].real))
    yield "| load | | " + " | ".join(names) + f" | same order (± {SLACK:g} s) |"
    yield "|---" * (len(names) + 3) + "|"
    for case in cases:
        for label, run in (("measured", case.real), ("measured pace", case.paced), ("fitted speed", case.predicted)):
            cells = " | ".join(_seconds(at) for at in firsts(run).values())
            agrees = "" if run is case.real else "yes" if order_agrees(case.real, run, SLACK) else "no"
            yield f"| {case.real.name} | {label} | {cells} | {agrees} |"


def _seconds(at: float | None) -> str:
    return "never" if at is None else f"{at:.1f} s"


def plot(case: Case, folder: Path) -> None:
    """Draw the signals of a load over time, measured and modelled, into a PNG."""
    shown = [name for name in SIGNALS if any(getattr(sample, name) for sample in case.real.samples)]
    figure, axes = plt.subplots(len(shown), 1, figsize=(9, 1.9 * len(shown)), sharex=True, squeeze=False)
    for axis, name in zip(axes[:, 0], shown, strict=True):
        for run, colour, label, style in (
            (case.real, REAL, "measured", "-"),
            (case.paced, PACED, "model, measured pace", "-"),
            (case.predicted, PREDICTED, "model, fitted speed", ":"),
        ):
            samples = [sample for sample in run.samples if sample.time >= 0]
            values = [getattr(sample, name) for sample in samples]
            axis.plot([s.time for s in samples], values, style, color=colour, label=label, linewidth=1.4)
        axis.set_ylabel(TITLES[name])
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.25)
    axes[0, 0].legend(loc="upper left", frameon=False, fontsize=8)
    axes[0, 0].set_title(case.real.name, fontsize=10)
    axes[-1, 0].set_xlabel("seconds")
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{case.real.name}.png", dpi=90, metadata={"Software": None})
    plt.close(figure)


def rewrite(page: Path, part: str, text: str) -> None:
    """Put `text` between the markers of a part of the page. ValueError when they are not there."""
    begin, end = f"<!-- generated: {part} -->\n", f"<!-- end: {part} -->"
    old = page.read_text(encoding="utf-8")
    if begin not in old or end not in old:
        raise ValueError(f"{page}: expected the markers {begin.strip()} and {end}")
    pattern = re.escape(begin) + r".*?" + re.escape(end)
    new = re.sub(pattern, lambda _: f"{begin}{text}\n{end}", old, flags=re.DOTALL)
    page.write_text(new, encoding="utf-8")
