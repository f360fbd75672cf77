"""Recorded traces, and what is wrong with them."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from lab import traces
from lab.vllm_sim.reader import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

TRACE = "t_s,prompt_tokens,output_tokens,cached_tokens\n0.0,100,10,0\n30,200,20,150\n90,50,5,0\n"


@pytest.mark.parametrize("name", ["trace.csv", "trace.csv.gz"])
def test_a_piece_of_a_trace_is_played_faster(tmp_path: Path, name: str) -> None:
    """Plain or gzip; times count from the piece's begin; the cached share is of its prompt."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(TRACE.encode()) if name.endswith("gz") else TRACE.encode())
    rows = traces.read(path, start=20.0, duration=30.0, speed=2.0)
    assert rows == (traces.Row(5.0, 200, 20, 0.75),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t_s,prompt_tokens\n0,1\n", "expected a column output_tokens, got t_s, prompt_tokens"),
        ("", "expected a column t_s, got an empty file"),
        ("t_s,prompt_tokens,output_tokens\n0,1,1\n1,x,1\n", "line 3: expected numbers"),
        ("t_s,prompt_tokens,output_tokens\n900,1,1\n", "expected requests from 0 s on, found none"),
        ("t_s,prompt_tokens,output_tokens\n0,1\n", "line 2: expected numbers"),
    ],
)
def test_a_broken_trace_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    """The file, the line, what was expected."""
    path = tmp_path / "trace.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        traces.read(path, 0.0, 60.0, 1.0)
    assert str(path) in str(caught.value)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_gzip_and_what_is_not_there_are_one_line(tmp_path: Path) -> None:
    """The system's reason, not a traceback."""
    path = tmp_path / "trace.csv.gz"
    with pytest.raises(ScenarioError, match="No such file"):
        traces.read(path, 0.0, 60.0, 1.0)
    path.write_text(TRACE, encoding="utf-8")
    with pytest.raises(ScenarioError, match="cannot be read"):
        traces.read(path, 0.0, 60.0, 1.0)


def test_rates_are_a_column(tmp_path: Path) -> None:
    """Time and the chosen rate."""
    path = tmp_path / "rates.csv"
    path.write_text("t_s,a,b\n0,1,2\n600,3,4\n", encoding="utf-8")
    assert traces.rates(path, "b") == [(0.0, 2.0), (600.0, 4.0)]
    with pytest.raises(ScenarioError, match="expected a column c, got t_s, a, b"):
        traces.rates(path, "c")
