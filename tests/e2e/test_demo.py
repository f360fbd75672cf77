"""The demo, as `make demo` runs it, on a shorter incident."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import yaml

from tests.e2e.stack import PHASE

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, "-m", "tools.demo"]


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
    command = [*DEMO, "--exit", "--scenario", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "status page  http://127.0.0.1:" in done.stdout
    assert done.stdout.index("▲") < done.stdout.index("USERS FEEL IT")
    assert "queue pressure passed its objective" in done.stdout
    assert "s before latency did" in done.stdout
    listing = _processes()
    assert str(path) not in listing
    assert str(ROOT / ".demo") not in listing


def test_signals_that_follow_each_other_end_the_demo_once(tmp_path: Path) -> None:
    """A service manager's SIGTERM on top of a Ctrl-C: no traceback, nothing left running."""
    path = tmp_path / "calm.yaml"
    path.write_text(
        yaml.safe_dump({"name": "calm", "seed": 3, "at_end": "loop", "phases": [{**PHASE, "duration": 30}]}),
        encoding="utf-8",
    )
    demo = subprocess.Popen([*DEMO, "--scenario", str(path)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert demo.stdout is not None
    while b"[2/3]" not in demo.stdout.readline():
        assert demo.poll() is None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        demo.send_signal(number)
    out, err = demo.communicate(timeout=60)
    assert (demo.returncode, err) == (0, b"")
    assert b"ending everything" in out
    assert str(path) not in _processes()


def _processes() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
