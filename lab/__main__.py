"""`python -m lab run`: plays one scenario and scores the alerts on it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lab.judge import JudgeError
from lab.reading import load
from lab.run import keep, packs, run
from lab.vllm_sim.reader import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable

USAGE_ERROR = 2


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\n")


def _parser() -> _Parser:
    parser = _Parser(prog="python -m lab", description="Measures how far ahead of pain the alerts are.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("run", help="play one scenario and score the alerts")
    one.add_argument("--scenario", type=Path, required=True, metavar="FILE")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the result is written")
    one.add_argument("--traces", type=Path, metavar="DIR", help="where the traces lie that the scenario names")
    one.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    scenario = load(arguments.scenario, arguments.traces)
    result = run(scenario, packs(), _progress(scenario.name, scenario.duration))
    path = keep(arguments.out, scenario.name, result)
    if arguments.json:
        shown = {key: value for key, value in result.items() if key != "plot"}
        sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    else:
        sys.stdout.write(f"{_line(result)}\n{path}\n")
    return 0


def _progress(name: str, duration: float) -> Callable[[float], None]:
    def tell(seconds: float) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{name}: {seconds / duration:4.0%}")

    return tell


def _line(result: dict[str, object]) -> str:
    return str(result["scenario"])


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code, 2 for a mistake of the user."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        return {"run": _run}[arguments.verb](arguments)
    except (ScenarioError, JudgeError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
