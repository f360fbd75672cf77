"""The watched file and the posts: what is taken, what is refused, and that nothing is lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from forewarn.probes.inbox import MAX_BYTES, Post
from tests.unit.probes.worlds import ProbeWorld

if TYPE_CHECKING:
    from pathlib import Path


class Watched:
    """A sidecar that watches a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.world = ProbeWorld(probe__enabled=False, warmup__enabled=False, quality__file=str(path))
        self._stamp = int(self.world.clock.wall())

    def replace(self, text: str) -> None:
        """Replace the file in one go, as an evaluation should, later than before."""
        self._stamp += 1
        new = self.path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        os.utime(new, (self._stamp, self._stamp))
        new.replace(self.path)
        self.look()

    def look(self) -> None:
        """Let the sidecar look."""
        self.world.turn(2.0)

    def scores(self) -> dict[str, float]:
        """Exported scores by suite."""
        exported = self.world.exported()
        return {dict(labels)["suite"]: v for (name, labels), v in exported.items() if name == "llm_quality_score"}

    def taken(self, result: str) -> float:
        """Documents so far."""
        return self.world.value("llm_quality_documents_total", source="file", result=result) or 0.0


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A sidecar that watches a file which is not there yet."""
    return Watched(tmp_path / "scores.json")


def test_a_file_is_read_when_it_changes(watched: Watched) -> None:
    """Its time is that of the evaluation, and what leaves it is forgotten."""
    watched.replace('{"mmlu": 0.7, "gsm8k": 0.5}')
    assert watched.scores() == {"mmlu": 0.7, "gsm8k": 0.5}
    evaluated = watched.world.value("llm_quality_evaluated_timestamp_seconds", suite="mmlu")
    assert evaluated == watched.path.stat().st_mtime
    watched.look()
    assert watched.taken("accepted") == 1
    watched.replace('{"mmlu": 0.6}')
    assert watched.scores() == {"mmlu": 0.6}
    assert watched.taken("accepted") == 2


def test_a_half_written_file_loses_nothing(watched: Watched) -> None:
    """The last scores stand, the error is logged once and shown, and the whole file is taken when it is there."""
    watched.replace('{"mmlu": 0.7}')
    watched.replace('{"mmlu": 0.')
    watched.look()
    assert watched.scores() == {"mmlu": 0.7}
    assert (watched.taken("accepted"), watched.taken("rejected")) == (1, 1)
    assert len(watched.world.lines("quality scores by file: expected JSON that is whole")) == 1
    status = watched.world.parts.web._status()
    assert status["probes"]["errors"] == ["file: expected JSON that is whole"]  # type: ignore[index]  # JSON
    watched.replace('{"mmlu": 0.72}')
    assert watched.scores() == {"mmlu": 0.72}
    assert watched.world.lines("accepted again")
    assert watched.world.parts.web._status()["probes"]["errors"] == []  # type: ignore[index]  # JSON


def test_a_file_that_is_missing_or_unreadable_is_told_once(watched: Watched) -> None:
    """Nothing is lost, and it is looked for again."""
    watched.look()
    watched.look()
    assert len(watched.world.lines("expected a readable file")) == 1
    watched.replace('{"mmlu": 0.7}')
    watched.path.unlink()
    watched.look()
    assert watched.scores() == {"mmlu": 0.7}
    watched.path.mkdir()
    watched.look()
    assert watched.scores() == {"mmlu": 0.7}
    assert watched.world.lines("Is a directory")


def test_a_file_that_is_too_large_or_no_text_is_refused(watched: Watched) -> None:
    """Its size is looked at before it is read."""
    watched.replace("x" * (MAX_BYTES + 1))
    assert watched.world.lines(f"expected at most {MAX_BYTES} bytes, got {MAX_BYTES + 1}")
    watched.path.write_bytes(b"\xff\xfe")
    watched.look()
    assert watched.world.lines("expected UTF-8 text")
    assert watched.scores() == {}


def test_scores_grow_old(watched: Watched) -> None:
    """After the set age the score goes and the time stays."""
    watched.replace('{"mmlu": 0.7}')
    watched.world.clock.advance(86_400.0)
    watched.look()
    assert watched.scores() == {}
    assert watched.world.value("llm_quality_evaluated_timestamp_seconds", suite="mmlu") is not None


def test_external_scores_outlive_the_engine_s_process(watched: Watched) -> None:
    """An evaluation elsewhere did not ask this process."""
    watched.replace('{"mmlu": 0.7}')
    watched.world.engine.restart()
    watched.look()
    assert watched.scores() == {"mmlu": 0.7}


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        ("Bearer hunter2", True),
        ("bearer  hunter2 ", True),
        ("Bearer hunter", False),
        ("Bearer hunter22", False),
        ("Basic hunter2", False),
        ("hunter2", False),
        ("Bearer", False),
        ("", False),
        ("Bearer h\u00fcnter2", False),
    ],
)
def test_only_the_token_opens_the_door(header: str, allowed: bool) -> None:  # noqa: FBT001  table
    """Compared in constant time; without a token the door is closed, to an empty one as well."""
    inbox = ProbeWorld().probes.inbox
    assert Post("hunter2", inbox).authorized(header) == allowed
    assert not Post("", inbox).authorized(header)
    assert not Post("", inbox).authorized("Bearer ")
