"""The table of the mutation check: in the README between its marks, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.rules import mutation, scoreboard
from tools.rules.scoreboard import Score

if TYPE_CHECKING:
    from pathlib import Path

SCORES = {"window": Score(9, 10), "all": Score(1990, 2000)}


def test_the_table_replaces_the_one_before(tmp_path: Path) -> None:
    """Twice written is once written, and the rest of the page stays."""
    page = tmp_path / "README.md"
    page.write_text(f"before\n{scoreboard.BEGIN}old\n{scoreboard.END}after\n", encoding="utf-8")
    scoreboard.write(SCORES, page)
    scoreboard.write(SCORES, page)
    assert page.read_text(encoding="utf-8") == (
        f"before\n{scoreboard.BEGIN}| kind of damage | caught | of | share |\n| --- | --- | --- | --- |\n"
        f"| window | 9 | 10 | 90.0% |\n| all | 1,990 | 2,000 | 99.5% |\n{scoreboard.END}after\n"
    )


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    """And what was expected is said."""
    page = tmp_path / "README.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected <!-- mutation: begin -->"):
        scoreboard.write(SCORES, page)
    assert page.read_text(encoding="utf-8") == "nothing\n"


def test_the_page_of_this_pack_has_its_marks() -> None:
    """So that a long run does not end in an error."""
    page = scoreboard.README.read_text(encoding="utf-8")
    assert page.count(scoreboard.BEGIN) == page.count(scoreboard.END) == 1


def test_a_part_is_not_written() -> None:
    """A sample's shares are not the pack's."""
    with pytest.raises(ValueError, match="--write is for a whole run"):
        mutation.Choice(sample=5, write=True)


def test_nothing_run_is_nothing_missed() -> None:
    """A share of no mutants has a value."""
    assert Score(0, 0).share == 1.0
