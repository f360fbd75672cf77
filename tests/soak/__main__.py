"""`make soak`: poll a busy page for an hour, and with --write put what was seen into docs/reliability.md."""

from __future__ import annotations

import argparse
import sys

from tests.bench.__main__ import say
from tests.bench.processes import BenchError
from tests.soak import report
from tests.soak.watch import soak

LEAST_MINUTES = 30.0


def main() -> int:
    """Run the soak; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (%(default)s)")
    parser.add_argument("--write", action="store_true", help="update docs/reliability.md")
    arguments = parser.parse_args()
    if arguments.minutes < LEAST_MINUTES:
        parser.error(f"--minutes: expected {LEAST_MINUTES:g} or more, or there is no slope to speak of")
    try:
        seen = soak(arguments.minutes, say)
        say("\n" + report.table(seen))
        if arguments.write:
            report.write(seen)
            say(f"\nwritten to docs/{report.PAGE.name}")
    except (BenchError, OSError) as error:
        sys.stderr.write(f"soak: {error}\n")
        return 1
    return 1 if seen.falls or seen.failed_polls or seen.unanswered else 0


if __name__ == "__main__":
    sys.exit(main())
