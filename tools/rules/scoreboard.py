"""The table of the mutation check: printed after a run, kept in rules/README.md after a whole one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.rules.pack import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

README = RULES / "README.md"
BEGIN, END = "<!-- mutation: begin -->\n", "<!-- mutation: end -->\n"
"""What stands around the table in the README."""


@dataclass(frozen=True, slots=True)
class Score:
    """Caught and run, of a kind or of all."""

    caught: int
    run: int

    @property
    def share(self) -> float:
        """Share caught; 1 of none."""
        return self.caught / self.run if self.run else 1.0


def text(scores: Mapping[str, Score]) -> str:
    """For a terminal."""
    lines = [f"{'kind of damage':22}{'caught':>8}{'of':>8}{'share':>9}"]
    lines += [f"{kind:22}{score.caught:8}{score.run:8}{score.share:9.1%}" for kind, score in scores.items()]
    return "\n".join(lines) + "\n"


def markdown(scores: Mapping[str, Score]) -> str:
    """For the README."""
    lines = ["| kind of damage | caught | of | share |", "| --- | --- | --- | --- |"]
    lines += [f"| {kind} | {score.caught:,} | {score.run:,} | {score.share:.1%} |" for kind, score in scores.items()]
    return "\n".join(lines) + "\n"


def write(scores: Mapping[str, Score], path: Path = README) -> None:
    """Put the table between its marks. Raises ValueError where these are not there."""
    whole = path.read_text(encoding="utf-8")
    if whole.count(BEGIN) != 1 or whole.count(END) != 1:
        raise ValueError(f"{path.name}: expected {BEGIN.strip()} and {END.strip()}, each once")
    head, rest = whole.split(BEGIN)
    path.write_text(head + BEGIN + markdown(scores) + END + rest.split(END)[1], encoding="utf-8")
