"""The soak's table and plot for docs/reliability.md."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.plots import save
from tests.bench import report
from tests.soak.trend import Trend, fit

if TYPE_CHECKING:
    from tests.soak.watch import Sample, Soak

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "reliability.md"
PLOT = DOCS / "img" / "soak.svg"
BEGIN = "<!-- soak: begin, written by make soak -->"
END = "<!-- soak: end -->"
SETTLED_SECONDS = 1500.0
"""Left out of the slope: ten minutes of history fill, caches do, and the allocator finds its size."""
_HOUR = 3600.0


def trend(samples: tuple[Sample, ...]) -> Trend:
    """KiB per hour once the start is over."""
    settled = [s for s in samples if s.at >= SETTLED_SECONDS]
    return fit([s.at / _HOUR for s in settled], [s.rss_kib for s in settled])


def table(soak: Soak) -> str:
    """What was done and what came of it."""
    line, first, last = trend(soak.samples), soak.samples[0], soak.samples[-1]
    took = last.at - first.at
    least, most = min(s.rss_kib for s in soak.samples), max(s.rss_kib for s in soak.samples)
    rows = [
        ("length", f"{took / 60:.1f} minutes"),
        (
            "polls",
            f"{soak.polls:,.0f}, one every {1000 * took / soak.polls:.0f} ms; {soak.failed_polls:.0f} failed",
        ),
        (
            "scrapes",
            f"{soak.scrapes:,}, {soak.unanswered or 'none'} of them unanswered; counters that went down: {soak.falls}",
        ),
        ("resident memory", f"{least / 1024:.1f} to {most / 1024:.1f} MiB over the whole run"),
        (
            f"slope after the first {SETTLED_SECONDS / 60:.0f} minutes",
            f"{line.slope:+.0f} ± {2 * line.error:.0f} KiB per hour (two standard errors)",
        ),
        ("file descriptors, threads", f"{first.files} → {last.files}, {first.threads} → {last.threads}"),
        ("CPU", f"{100 * (last.cpu_seconds - first.cpu_seconds) / took:.1f} % of a core"),
    ]
    return "\n".join(
        [report.machine(), "", "| what | seen |", "| --- | --- |", *(f"| {what} | {seen} |" for what, seen in rows)]
    )


def write(soak: Soak) -> None:
    """Put table and plot into the documentation."""
    _plot(soak, PLOT)
    report.write(table(soak), BEGIN, END, PAGE)


def _plot(soak: Soak, path: Path) -> None:
    import matplotlib.pyplot as plt  # noqa: PLC0415  lab.plots chooses the backend first

    line = trend(soak.samples)
    figure, axis = plt.subplots(figsize=(7.5, 2.4))
    axis.plot([s.at / 60 for s in soak.samples], [s.rss_kib / 1024 for s in soak.samples], linewidth=1.2)
    ends = (SETTLED_SECONDS, soak.samples[-1].at)
    axis.plot(
        [at / 60 for at in ends],
        [(line.start + line.slope * at / _HOUR) / 1024 for at in ends],
        linewidth=1,
        linestyle="--",
        color="#5d6d7e",
    )
    # Room above, so that the line does not lie on the edge.
    axis.set_ylim(0, 1.2 * max(s.rss_kib for s in soak.samples) / 1024)
    axis.set_ylabel("resident memory, MiB")
    axis.set_xlabel("minutes; dashed: the line of the slope")
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    save(figure, path)
