"""Scores from elsewhere: two forms, read whole or not at all."""

from __future__ import annotations

import pytest

from forewarn.probes.scores import MAX_EXTERNAL, Score, Scoreboard, read

NOW = 1_700_000_000.0
TEXT = """\
# TYPE llm_quality_score gauge
llm_quality_score{suite="a"} 0.25
llm_quality_score{suite="b"} 1
llm_quality_evaluated_timestamp_seconds{suite="a"} 1.699999999e9
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"mmlu": 0.71, "gsm8k": 1}', {"mmlu": (0.71, NOW), "gsm8k": (1.0, NOW)}),
        (
            '{"scores": [{"suite": "mmlu", "score": 0.5, "evaluated": 1699999999}, {"suite": "b", "score": 0}]}',
            {"mmlu": (0.5, NOW - 1), "b": (0.0, NOW)},
        ),
        ('[{"suite": "mmlu", "score": 0.5}]', {"mmlu": (0.5, NOW)}),
        (
            TEXT,
            {"a": (0.25, NOW - 1), "b": (1.0, NOW)},
        ),
    ],
)
def test_both_forms_are_read(text: str, expected: dict[str, tuple[float, float]]) -> None:
    """Suites with their score and the time of evaluation, by default that of the document."""
    found = read(text, "file", NOW)
    assert {score.suite: (score.value, score.evaluated) for score in found} == expected
    assert {score.source for score in found} == {"file"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected scores, got nothing"),
        ('{"mmlu": 0.7', "expected JSON that is whole"),
        ("[" * 100_000, "expected JSON that is whole"),
        ("[1]", "expected rows with suite, score"),
        ('[{"suite": "a", "score": 1, "prompt": "p"}]', "expected rows with suite, score"),
        ('[{"suite": "a", "score": 1}, {"suite": "a", "score": 0}]', "suite a: expected once, got it twice"),
        ('{"a": 71}', "suite a: expected a score from 0 to 1"),
        ('{"a": true}', "suite a: expected a score from 0 to 1"),
        ('{"a": NaN}', "suite a: expected a score from 0 to 1"),
        ('{"a": "0.5"}', "suite a: expected a score from 0 to 1"),
        ('{"a b": 1}', "expected suite names of letters"),
        ('{"": 1}', "expected suite names of letters"),
        ('[{"suite": "a", "score": 1, "evaluated": "today"}]', "suite a: expected evaluated in seconds"),
        ('llm_quality_score{suite="a"} 0.2', "expected Prometheus text that ends with a whole line"),
        ('llm_quality_score{suite="a\n', "expected Prometheus text such as"),
        ("llm_quality_score 0.2\n", "expected suite names of letters"),
        ('other{suite="a"} 0.2\n', "expected llm_quality_score and llm_quality_evaluated"),
        ('llm_quality_score{suite="a"} 1\nllm_quality_score{suite="a"} 0\n', "suite a: expected once"),
        ('llm_quality_score{suite="a"} NaN\n', "suite a: expected a score from 0 to 1"),
        ("<html>\n", "expected Prometheus text such as"),
    ],
)
def test_anything_else_is_refused_in_one_line(text: str, says: str) -> None:
    """Half-written files, other shapes, numbers that are no scores."""
    with pytest.raises(ValueError, match="expected") as caught:
        read(text, "file", NOW)
    assert str(caught.value).startswith(says)
    assert len(str(caught.value).splitlines()) == 1


def scored(suite: str, value: float = 0.5, evaluated: float = NOW) -> Score:
    """A posted score."""
    return Score(suite, value, evaluated, "post")


def test_the_newest_score_stands() -> None:
    """An older evaluation that arrives late changes nothing."""
    board = Scoreboard(3600.0)
    board.take([scored("a", 0.9)], NOW)
    board.take([scored("a", 0.1, NOW - 60)], NOW)
    assert [score.value for score in board.known(NOW)] == [0.9]
    board.take([scored("a", 0.2, NOW + 60)], NOW + 60)
    assert [score.value for score in board.known(NOW)] == [0.2]


def test_all_or_nothing() -> None:
    """One bad row leaves the others untaken."""
    board = Scoreboard(3600.0, own=["golden"])
    with pytest.raises(ValueError, match="suite golden: expected another name"):
        board.take([scored("a"), scored("golden")], NOW)
    with pytest.raises(ValueError, match="suite b: expected a time of evaluation that is not in the future"):
        board.take([scored("a"), scored("b", evaluated=NOW + 3600)], NOW)
    assert board.known(NOW) == []


def test_the_number_of_suites_is_bounded() -> None:
    """A loop that makes up names does not fill Prometheus."""
    board = Scoreboard(3600.0)
    board.take([scored(f"s{number}") for number in range(MAX_EXTERNAL)], NOW)
    with pytest.raises(ValueError, match="at most 50 suites"):
        board.take([scored("one-more")], NOW)
    board.take([scored("s0", 0.1)], NOW)
    assert len(board.known(NOW)) == MAX_EXTERNAL
