"""The demo, as `make demo` runs it, on a shorter incident."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from tests.e2e.stack import PHASE

ROOT = Path(__file__).parents[2]


def test_demo_prints_the_timeline_and_leaves_nothing_running(tmp_path: Path) -> None:
    """The demo starts everything, shows the queue passing its objective before latency, and ends what it started."""
    incident = {
        "name": "surge",
        "seed": 3,
        "at_end": "loop",
        "ttft_slo_seconds": 2,
        "engine": {"max_num_seqs": 16},
        "phases": [{**PHASE, "duration": 10}, {**PHASE, "rate": 60, "duration": 30}],
    }
    path = tmp_path / "surge.yaml"
    path.write_text(yaml.safe_dump(incident), encoding="utf-8")
    command = [sys.executable, "-m", "tools.demo", "--exit", "--scenario", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "status page  http://127.0.0.1:" in done.stdout
    assert done.stdout.index("▲") < done.stdout.index("USERS FEEL IT")
    assert "queue pressure passed its objective" in done.stdout
    assert "s before latency did" in done.stdout
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(path) not in listing
    assert str(ROOT / ".demo") not in listing
