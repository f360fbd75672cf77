"""The table, on the screen and between the markers of docs/performance.md."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.pollers import version
from tests.bench.processes import BenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.figures import Row

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN = "<!-- bench: begin, written by make bench -->"
END = "<!-- bench: end -->"
_WORDS = {True: "yes", False: "**no**", None: ""}


def table(rows: Sequence[Row], context: str) -> str:
    """The rows as Markdown, with what they were measured on."""
    lines = [f"| {row.what} | {row.measured} | {row.bar} | {_WORDS[row.within]} |" for row in rows]
    head = ["| what | measured | bar | within |", "| --- | --- | --- | --- |"]
    return "\n".join([context, "", *head, *lines])


def machine() -> str:
    """The machine and the interpreter."""
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}."


def context(changed: int, samples: int) -> str:
    """What the figures were measured on."""
    return (
        f"{machine()[:-1]}, "
        f"vmagent {version('victoria-metrics')}, Prometheus {version('prometheus')} (Debian packages). "
        f"Of the page's {samples} samples {changed} change between two polls. "
        "Median of rounds, in brackets the least and the greatest."
    )


def write(text: str, begin: str = BEGIN, end: str = END, path: Path = PAGE) -> None:
    """Put the table between two markers of the page. Raises BenchError when they are not there."""
    page = path.read_text(encoding="utf-8")
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise BenchError(f"{path.name}: expected the lines '{begin}' and '{end}'")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
