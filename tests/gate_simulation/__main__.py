"""`python -m tests.gate_simulation`: rewrite the table of docs/deploys.md."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.gate_simulation.simulation import table

PAGE = Path(__file__).parents[2] / "docs" / "deploys.md"
RUNS = 1000
START, END = "<!-- simulation: written by `python -m tests.gate_simulation` -->\n", "<!-- end of simulation -->\n"


@cache
def documented() -> str:
    """The part of the page that is written."""
    return f"{START}\n{table(RUNS)}\n{END}"


def main() -> None:
    """Put the table in its place."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + documented() + after, encoding="utf-8")


if __name__ == "__main__":
    main()
