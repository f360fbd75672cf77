"""`forewarn plan` on the command line."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from forewarn.errors import ConfigError
from forewarn.planner import live
from forewarn.planner.inputs import Inputs, bounds_of, flag
from forewarn.planner.plan import plan
from forewarn.planner.report import report
from forewarn.prometheus_api import Prometheus, matcher

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_LOAD = ("average_load", "swing")


def add(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type of its subparsers private
    """Add `plan` to the command line."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "plan",
        help="how many replicas, why, and what they cost",
        description="Replicas = peak need + k spares + deploy headroom, each term explained; with the bill, "
        "the idle share, what autoscaling saves and how early it must act.",
    )
    parser.add_argument("--json", action="store_true", help="the plan as JSON")
    parser.add_argument("--from-prometheus", metavar="URL", help="take inputs from a Prometheus; flags given here win")
    parser.add_argument("--deployment", metavar="NAME", help="with --from-prometheus: whose")
    parser.add_argument("--matchers", metavar="M", default="", help='more label matchers, e.g. namespace="ml"')
    parser.add_argument(
        "--history", metavar="HOURS", type=float, default=168.0, help="hours of load to read (default 168)"
    )
    parser.add_argument("--prometheus-token-file", metavar="FILE", help="bearer token for that Prometheus")
    group = parser.add_argument_group("inputs")
    for item in fields(Inputs):
        default = "" if item.default is None else f" (default {item.default:g})"
        help_ = (bounds_of(item.name).help + default).replace("%", "%%")
        group.add_argument(flag(item.name), metavar="N", type=_number(flag(item.name)), help=help_)
    parser.set_defaults(command=run)


class _number:  # noqa: N801  argparse shows the name
    """Reads a number, and names the flag when it is none."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __call__(self, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise ConfigError(self._where, f"expected a number, got {text}") from None


def run(arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the plan; always 0. A user's mistake is a ConfigError."""
    given = {item.name: getattr(arguments, item.name) for item in fields(Inputs)}
    given = {name: value for name, value in given.items() if value is not None}
    taken = _live(arguments, given)
    made = plan(inputs_from({**taken.values, **given}))
    sources = {flag(name): query for name, query in taken.queries.items() if name not in given}
    if arguments.json:
        sys.stdout.write(json.dumps({**made.numbers(), "from_prometheus": sources}, indent=2, allow_nan=False) + "\n")
    else:
        sys.stdout.write(report(made, sources))
    return 0


def inputs_from(values: Mapping[str, float]) -> Inputs:
    """Inputs from numbers by name; whole ones become int."""
    for name, value in values.items():
        if not bounds_of(name).accepts(value):
            raise ConfigError(flag(name), f"expected {bounds_of(name).expected()}, got {value:g}")
    return Inputs(**{name: int(value) if bounds_of(name).whole else value for name, value in values.items()})  # type: ignore[arg-type]  # whole ones are int


def _live(arguments: argparse.Namespace, given: Mapping[str, float]) -> live.Live:
    if arguments.from_prometheus is None:
        if arguments.deployment:
            raise ConfigError("--deployment", "expected --from-prometheus beside it")
        return live.Live({}, {})
    if not arguments.deployment:
        raise ConfigError("--from-prometheus", "expected --deployment beside it")
    if not 0 < arguments.history <= 8760:  # noqa: PLR2004  a year
        raise ConfigError("--history", f"expected hours over 0 to 8760, got {arguments.history:g}")
    server = Prometheus(arguments.from_prometheus, "--from-prometheus", arguments.prometheus_token_file)
    matchers = ",".join(filter(None, (matcher("deployment", arguments.deployment), arguments.matchers)))
    needs_load = not all(name in given for name in _LOAD)
    found = live.read(server, matchers, arguments.history, time.time(), load=needs_load)
    if any(name in given for name in ("replica_tokens_per_second", "replica_concurrency")):
        found.values.pop("replica_requests_per_second", None)
        found.queries.pop("replica_requests_per_second", None)
    elif "replica_requests_per_second" not in {**found.values, **given}:
        raise ConfigError(
            "--from-prometheus",
            "expected a proven capacity (llm:replica_capacity:requests) or llm_objective_replica_requests_per_second, "
            "found neither: no replica was ever at its limit; give --replica-requests-per-second",
        )
    return found
