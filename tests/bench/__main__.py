"""`make bench`: measure, print the table, and with --write put it into docs/performance.md."""

from __future__ import annotations

import argparse
import sys

from tests.bench import engine_side, parsing, polling, report, scraping
from tests.bench.figures import Row
from tests.bench.pollers import setting
from tests.bench.processes import BenchError

ENGINE_ROUNDS = 5
STARTS = 4
"""How often the programs are started anew: rounds of one run agree better with each other than with the next run's."""


def say(line: str) -> None:
    """Print a line of progress at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run every measurement, one after the other; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each polling run (%(default)s)")
    parser.add_argument("--write", action="store_true", help="update docs/performance.md")
    arguments = parser.parse_args()
    try:
        text = measure(arguments.seconds)
        say("\n" + text)
        if arguments.write:
            report.write(text)
            say(f"\nwritten to docs/{report.PAGE.name}")
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    return 0


def _polling(start: int, seconds: float) -> polling.PollingCost:
    say(f"polling at the same rate for {seconds:g} s, start {start + 1} of {STARTS}")
    with setting() as here:
        return polling.measure(here, seconds, say)


def measure(seconds: float) -> str:
    """The table of everything measured."""
    changed, raw = parsing.changed_share()
    say("parsing")
    rows = parsing.measure()
    rows = polling.rows(polling.together([_polling(start, seconds) for start in range(STARTS)])) + rows
    say(f"polling as installed for {seconds:g} s")
    with setting() as here:
        rows.append(polling.measure_as_installed(here, seconds))
    say("scraping the sidecar")
    with setting() as here:
        scrapes, own = scraping.measure(here)
        rows += scrapes
    say("polling a real vLLM")
    rows += engine_side.measure(ENGINE_ROUNDS, say)
    rows.append(Row("series ÷ the raw page's", f"{own / raw:.3f} ({own} against {raw})", "≤ 0.5", own / raw <= 0.5))
    return report.table(rows, report.context(changed, raw))


if __name__ == "__main__":
    sys.exit(main())
