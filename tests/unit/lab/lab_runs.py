"""Small scenarios for the lab's own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import reading

if TYPE_CHECKING:
    from pathlib import Path

    from lab.scenario import Scenario

SMALL = """\
description: A test.
split: tuning
shape: sequences
seed: 3
engine: {max_num_seqs: 8, max_model_len: 4096, num_gpu_blocks: 2000}
traffic:
  - {workload: chat, duration: 120, rate: 2}
"""


def scenario(tmp_path: Path, text: str = SMALL, traces: Path | None = None) -> Scenario:
    """The scenario of a file with this text."""
    path = tmp_path / "test.yaml"
    path.write_text(text, encoding="utf-8")
    return reading.load(path, traces)
