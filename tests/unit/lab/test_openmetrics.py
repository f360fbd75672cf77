"""Scrapes as OpenMetrics."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from lab.openmetrics import lines
from lab.tape import Tape

if TYPE_CHECKING:
    from pathlib import Path


def test_promtool_makes_blocks_of_them(tmp_path: Path) -> None:
    """The last scrape is at the given time, the others fifteen seconds apart before it; gaps stay gaps."""
    tape = Tape()
    for value in (1.0, 2.5, None, 4.0):
        tape.begin()
        tape.add("y", {"le": "+Inf"}, {"instance": 'a"b'}, 7.0)
        if value is not None:
            tape.add("x", {}, {"instance": "a"}, value)
    text = "".join(lines(tape, end=1_700_000_045.0))
    assert text.startswith('x{instance="a"} 1.0 1700000000.000\nx{instance="a"} 2.5 1700000015.000\n')
    assert 'x{instance="a"} 4.0 1700000045.000\n' in text
    assert text.count("\n") == 8
    path, program = tmp_path / "run.om", shutil.which("promtool")
    path.write_text(text, encoding="utf-8")
    assert program, "promtool is missing: apt-get install prometheus"
    command = [program, "tsdb", "create-blocks-from", "openmetrics", str(path), str(tmp_path / "data")]
    subprocess.run(command, check=True, capture_output=True)
    (block,) = (tmp_path / "data").glob("*/meta.json")
    assert json.loads(block.read_text(encoding="utf-8"))["stats"]["numSamples"] == 7
