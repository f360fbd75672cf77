"""`make bench-plugin`: measure, print the table, and with --write put it into docs/performance.md."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import report
from tests.bench.__main__ import say
from tests.bench.figures import Row
from tests.bench.processes import BenchError
from tests.bench_plugin import throughput
from tools.vllm_cpu.engine import EngineError
from tools.vllm_cpu.install import InstallError, Place, install_plugin

VENV = Path(".venv-vllm").absolute()
STEP = 10_000
"""Microseconds of the step that the cost is held against."""
GOAL = 0.002
BEGIN = "<!-- bench-plugin: begin, written by make bench-plugin -->"
END = "<!-- bench-plugin: end -->"


def steps(scratch: Path | None = None) -> list[Row]:
    """Cost of a step by batch size; in the files that several API servers share when `scratch` is given."""
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(scratch)} if scratch else {}
    command = [str(VENV / "bin" / "python"), "-W", "ignore", str(Path(__file__).with_name("steps.py"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise BenchError(f"steps.py: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])["sizes"]
    mode = ", several API servers" if scratch else ""
    return [_row(size, mode, figures["stride"], figures["all end"]) for size, figures in found.items()]


def _row(size: str, mode: str, stride: float, ending: float) -> Row:
    share = stride / STEP
    text = f"{stride:.0f} µs = {share:.2%} of a 10 ms step ({ending:.0f} µs when every request ends in it)"
    return Row(f"`record()`, {size} running requests{mode}", text, f"< {GOAL:.1%}", share < GOAL)


def main() -> int:
    """Run both measurements, one after the other; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_plugin", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of the throughput runs (%(default)s)")
    parser.add_argument("--write", action="store_true", help="update docs/performance.md")
    arguments = parser.parse_args()
    try:
        text = measure(arguments.rounds)
        say("\n" + text)
        if arguments.write:
            report.write(text, BEGIN, END)
    except (BenchError, EngineError, InstallError) as error:
        sys.stderr.write(f"bench-plugin: {error}\n")
        return 1
    return 0


def measure(rounds: int) -> str:
    """The table of everything measured."""
    install_plugin(Place(VENV, time.monotonic()))
    with tempfile.TemporaryDirectory(prefix="forewarn-bench-plugin-") as scratch:
        folder = Path(scratch)
        say("steps")
        rows = steps() + steps(folder)
        say("throughput")
        ratio, speeds = throughput.measure(VENV, folder, rounds, say)
    both = " against ".join(f"{speeds[kind].median:.0f}" for kind in ("with", "without"))
    rows.append(Row("tokens per second with the plugin ÷ without", f"{ratio.text(3)}; medians {both}"))
    return report.table(rows, report.machine() + f" vLLM on the CPU; {rounds} interleaved rounds of 288 requests.")


if __name__ == "__main__":
    sys.exit(main())
