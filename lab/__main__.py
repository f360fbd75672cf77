"""`python -m lab`: plays incidents on simulated fleets and scores the alerts on them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lab import guard, openmetrics, suite
from lab.judge import JudgeError
from lab.reading import load
from lab.run import OURS, ROOT, RULES, packs, run, tape_of
from lab.summary import minutes
from lab.vllm_sim.reader import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.kept import Result

USAGE_ERROR, DROPPED, UNFINISHED = 2, 1, 3
LAB = ROOT / "lab"
KEPT = ROOT / ".lab"
SHOWN = (
    "creep-sequences", "ramp-fleet-16", "sequence-cap", "context-shift-fleet", "ramp-prefill", "replica-loss-16",
    "wedge", "stale-gauges",
)  # fmt: skip
"""Scenarios whose pictures are part of the results page."""
SHOWN_TRACES = ("azure-conv-overload", "azure-code-2023")
"""The same for the page of recorded traces."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\n")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number >= 1, got {text!r}")
    return int(text)


def _parser() -> _Parser:
    parser = _Parser(prog="python -m lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("run", help="play one scenario and score the alerts")
    one.add_argument("--scenario", type=Path, required=True, metavar="FILE")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="where result and picture are written")
    one.add_argument(
        "--openmetrics", action="store_true", help="also write what Prometheus scraped, to look at it there"
    )
    one.add_argument("--json", action="store_true", help="print the result as JSON")
    every = verbs.add_parser("all", help="play the standard set and rewrite lab/results.md")
    traced = verbs.add_parser("traces", help="play the recorded traces and rewrite lab/results-traces.md")
    quick = verbs.add_parser("quick", help="play a few scenarios and compare them with lab/results.json")
    for verb in (every, traced):
        verb.add_argument("--seconds", type=_positive, metavar="N", help="begin no further scenario after N seconds")
        verb.add_argument("--results", type=Path, default=LAB, metavar="DIR", help="where the page goes (default: lab)")
    for verb in (every, traced, quick):
        verb.add_argument("--jobs", type=_positive, default=2, metavar="N", help="processes (default: %(default)s)")
        verb.add_argument("--out", type=Path, default=KEPT, metavar="DIR", help="where runs are kept (default: .lab)")
    for verb in (one, every, traced):
        verb.add_argument(
            "--rules", type=Path, default=RULES, metavar="DIR", help="judge these files (default: rules/v1)"
        )
    for verb in (one, traced):
        lie = "where the traces lie that scenarios name"
        verb.add_argument("--traces", type=Path, required=verb is traced, metavar="DIR", help=lie)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    scenario = load(arguments.scenario, arguments.traces)
    chosen = packs(arguments.rules)
    result = run(scenario, chosen, arguments.out, _progress(scenario.name, scenario.duration))
    if arguments.openmetrics and (tape := tape_of(scenario, chosen, arguments.out)):
        with (arguments.out / f"{scenario.name}.om").open("w", encoding="utf-8") as file:
            file.writelines(openmetrics.lines(tape, end=time.time()))
    if arguments.json:
        shown = {key: value for key, value in result.items() if key != "curves"}
        sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in (_line(result), str(arguments.out / f"{scenario.name}.json")))
    _draw(result, arguments.out / f"{scenario.name}.svg")
    return 0


def _all(arguments: argparse.Namespace) -> int:
    from lab import report  # noqa: PLC0415  only this verb needs it

    jobs = [suite.Job(path, arguments.out, arguments.rules) for path in suite.paths()]
    results, shown = _played(jobs, arguments, SHOWN)
    _draw_overview(results, arguments.results / "img" / "leads.svg")
    report.write(results, arguments.results, shown, packs(arguments.rules)[0].alerts())
    sys.stdout.write(f"wrote {arguments.results / 'results.md'}\n")
    return 0


def _traces(arguments: argparse.Namespace) -> int:
    from lab import report  # noqa: PLC0415  as above

    chosen = suite.paths([suite.TRACED])
    jobs = [suite.Job(path, arguments.out, arguments.rules, arguments.traces) for path in chosen]
    results, shown = _played(jobs, arguments, SHOWN_TRACES)
    report.write_traces(results, arguments.results, shown)
    sys.stdout.write(f"wrote {arguments.results / 'results-traces.md'}\n")
    return 0


def _played(
    jobs: list[suite.Job], arguments: argparse.Namespace, wanted: tuple[str, ...]
) -> tuple[list[Result], list[str]]:
    """The results, each drawn, and those of the wanted pictures that were drawn for the page."""
    results = suite.play_all(jobs, arguments.jobs, arguments.seconds or inf)
    for result in results:
        _draw(result, arguments.out / f"{result['scenario']}.svg")
        if result["scenario"] in wanted:
            _draw(result, arguments.results / "img" / f"{result['scenario']}.svg")
    return results, [name for name in wanted if any(r["scenario"] == name for r in results)]


def _quick(arguments: argparse.Namespace) -> int:
    jobs = [suite.Job(path, arguments.out, RULES) for path in suite.paths(names=suite.QUICK)]
    results = suite.play_all(jobs, arguments.jobs)
    sys.stdout.writelines(f"{_line(result)}\n" for result in results)
    dropped = list(guard.drops(results, guard.committed(LAB / "results.json")))
    sys.stderr.writelines(f"lab: {line}\n" for line in dropped)
    return DROPPED if dropped else 0


def _draw(result: Result, path: Path) -> None:
    """Draw a run; matplotlib is an extra of the lab, and a run is worth having without it."""
    try:
        from lab import plots  # noqa: PLC0415  see above
    except ImportError:
        return
    plots.plot(result, path)


def _draw_overview(results: list[Result], path: Path) -> None:
    try:
        from lab import overview  # noqa: PLC0415  as above
    except ImportError:
        return
    overview.overview(results, path)


def _progress(name: str, duration: float) -> Callable[[float], None]:
    def tell(seconds: float) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{name}: {seconds / duration:4.0%}" + ("\n" if seconds + 15 > duration else ""))

    return tell


def _line(result: Result) -> str:
    """A run in a line."""
    score = result["scores"][OURS]
    pain = f"pain at {minutes(result['pain'][0]['start'])}" if result["pain"] else "no pain"
    known = (result["oracle"] or {}).get("held")
    first = f"first page {score['first_page']}, " if score["first_page"] else ""
    lead = f"{first}lead {minutes(score['lead'])} (oracle {minutes(known)})"
    rest = f"detection {minutes(score['detection'])}, false pages {score['false_pages']}"
    return f"{result['scenario']}: {pain}; {lead}, {rest}"


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code, 2 for a mistake of the user."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        return {"run": _run, "all": _all, "traces": _traces, "quick": _quick}[arguments.verb](arguments)
    except suite.UnfinishedError as error:
        sys.stdout.write(f"{error}\n")
        return UNFINISHED
    except (ScenarioError, JudgeError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
