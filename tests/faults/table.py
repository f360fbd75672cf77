"""The table of faults in docs/reliability.md, from the suite's rows and what its last whole run saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.catalogue import ELSEWHERE, FAULTS, GROUPS
from tests.faults.outcomes import saved
from tests.faults.rows import GONE

if TYPE_CHECKING:
    from tests.faults.play import Outcome
    from tests.faults.rows import Fault

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN = "<!-- faults: begin, written by make test-faults -->"
END = "<!-- faults: end -->"
_HEAD = (
    "| fault | how it is made | what the sidecar says | told | recovered | RSS, bound |",
    "| --- | --- | --- | --- | --- | --- |",
)


def text() -> str:
    """The table."""
    outcomes = saved().by_name
    red = sum(fault.name not in outcomes for fault in FAULTS)
    lines = [f"{len(FAULTS)} faults, {red or 'none'} red. MiB and polls are those of the last whole run."]
    for group, faults in GROUPS.items():
        lines += ["", f"### {group}", "", *_HEAD, *(_row(fault, outcomes.get(fault.name)) for fault in faults)]
    lines += ["", "### Held by other tests", "", "| what happens | test |", "| --- | --- |"]
    lines += [f"| {what} | [`{test}`](../{file}) |" for what, file, test in ELSEWHERE]
    return "\n".join(lines)


def page() -> str:
    """The documentation with the table as it should be. Raises ValueError when it has no place for it."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE.name}: expected the lines '{BEGIN}' and '{END}'")
    return f"{before}{begin}\n{text()}\n{end}{after}"


def _row(fault: Fault, outcome: Outcome | None) -> str:
    if outcome is None:
        return f"| {fault.name} | {fault.made} | {fault.told.words} | **not seen** | **not seen** | {fault.mib:g} |"
    told = "in the log" if not fault.answers else "by age" if fault.told is GONE else str(outcome.told)
    seen = f"{told} | {outcome.recovered} | {outcome.mib:.0f}, {fault.mib:g}"
    return f"| {fault.name} | {fault.made} | {fault.told.words} | {seen} |"
