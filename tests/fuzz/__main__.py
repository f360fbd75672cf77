"""`make fuzz`: damaged pages and requests, and with --write what came of them into docs/reliability.md."""

from __future__ import annotations

import argparse
import sys
import time

from tests.bench import report
from tests.bench.__main__ import say
from tests.faults.table import PAGE
from tests.fuzz import page_cases, requests

BEGIN = "<!-- fuzz: begin, written by make fuzz -->"
END = "<!-- fuzz: end -->"
SEED = 9


def main() -> int:
    """Run both; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--pages", type=int, default=20_000, help="cases (%(default)s)")
    parser.add_argument("--requests", type=int, default=20_000, help="cases (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="%(default)s")
    parser.add_argument("--write", action="store_true", help="update docs/reliability.md")
    arguments = parser.parse_args()
    rows, worst = [], 0
    kinds = (
        ("pages: parser against `prometheus_client.parser`, then the adapter", arguments.pages, page_cases.run),
        ("requests to the port of a real sidecar", arguments.requests, requests.run),
    )
    for what, number, run in kinds:
        started = time.monotonic()
        found = run(number, arguments.seed, say)
        took = time.monotonic() - started
        worst = max(worst, len(found))
        rows.append(f"| {what} | {number:,} | {arguments.seed} | {took:.0f} | {len(found)} |")
    table = "\n".join(
        [
            report.machine(),
            "",
            "| what | cases | seed | seconds | crashes, hangs and disagreements |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ]
    )
    say("\n" + table)
    if arguments.write and not worst:
        report.write(table, BEGIN, END, PAGE)
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
