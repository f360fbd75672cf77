"""`forewarn gate` on the command line."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from forewarn.errors import ConfigError
from forewarn.gate import live
from forewarn.gate.guardrails import COST, COST_MARGIN, SHARES, Judgement, Levels, judge_cost, judge_share
from forewarn.gate.verdict import Gate, table
from forewarn.prometheus_api import Prometheus, matcher

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

ALWAYS = ("ttft", "tpot", "error", "empty")
"""Guardrails that must have data unless --guardrails says otherwise."""
SHORTEST_SLICE, FEWEST, MOST = 60.0, 5, 200
_UNITS = {"s": 1, "m": 60, "h": 3600}


def add(commands: Any) -> None:  # noqa: ANN401  argparse keeps the type of its subparsers private
    """Add `gate` to the command line."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "gate",
        help="compare a canary with stable and say pass, fail or not enough data",
        description="Canary against stable over a window, guardrail by guardrail. Exit status: 0 pass, 1 fail, "
        "2 not enough data or a mistake.",
    )
    margins = ", ".join(f"{name} {margin:g}" for name, (margin, _) in SHARES.items())
    parser.add_argument("--prometheus", metavar="URL", required=True, help="a Prometheus that scrapes the sidecars")
    parser.add_argument("--prometheus-token-file", metavar="FILE", help="bearer token for it")
    parser.add_argument("--deployment", metavar="NAME", required=True, help="whose canary")
    parser.add_argument("--matchers", metavar="M", default="", help='more label matchers of both, e.g. namespace="ml"')
    parser.add_argument(
        "--canary", metavar="M", default='track="canary"', help='matchers of the canary (track="canary")'
    )
    parser.add_argument("--stable", metavar="M", default='track="stable"', help='matchers of stable (track="stable")')
    parser.add_argument("--window", metavar="TIME", default="30m", help="how far to look back (default 30m)")
    parser.add_argument("--slice", metavar="TIME", default="2m", help="pieces of it that show the noise (default 2m)")
    parser.add_argument("--end", metavar="UNIX", type=float, help="end of the window (default now)")
    parser.add_argument(
        "--guardrails", metavar="A,B", help=f"these alone, all required: of {', '.join((*SHARES, COST))}"
    )
    parser.add_argument(
        "--margin", metavar="NAME=N", action="append", default=[],
        help=f"worsening that matters (defaults: {margins}, {COST} {COST_MARGIN:g})",
    )  # fmt: skip
    parser.add_argument("--looks", metavar="N", type=int, default=1, help="looks planned at this canary (default 1)")
    parser.add_argument("--false-fail", metavar="P", type=float, default=0.05, help="for a good canary (default 0.05)")
    parser.add_argument("--false-pass", metavar="P", type=float, default=0.05, help="at a margin (default 0.05)")
    parser.add_argument("--min-requests", metavar="N", type=int, default=100, help="on each track (default 100)")
    parser.add_argument("--json", action="store_true", help="the verdict as JSON")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the verdict; its exit status. A user's mistake is a ConfigError, status 2."""
    names, required = _guardrails(arguments.guardrails)
    margins, levels, window = _margins(arguments.margin), _levels(arguments), _window(arguments)
    server = Prometheus(arguments.prometheus, "--prometheus", arguments.prometheus_token_file)
    common = ",".join(filter(None, (matcher("deployment", arguments.deployment), arguments.matchers)))
    tracks = [f"{common},{arguments.canary}", f"{common},{arguments.stable}"]
    counted = {name: [live.counts(server, name, track, window) for track in tracks] for name in names if name != COST}
    judgements = [
        judge_share(name, canary, stable, margin=margins[name], levels=levels, guardrails=len(names))
        for name, (canary, stable) in counted.items()
    ]
    if COST in names:
        judgements.append(_cost(server, tracks, window, margins[COST], levels, len(names)))
    gate = Gate(tuple(judgements), required, levels)
    sys.stdout.write(json.dumps(gate.numbers(), indent=2) + "\n" if arguments.json else table(gate))
    return gate.status


def _cost(
    server: Prometheus, tracks: list[str], window: live.Window, margin: float, levels: Levels, guardrails: int
) -> Judgement:
    canary, stable, unlike = live.cost(server, tracks, window)
    if unlike:
        return Judgement(COST, "no data", margin, unlike)
    return judge_cost(canary, stable, margin=margin, levels=levels, guardrails=guardrails)


def _guardrails(text: str | None) -> tuple[list[str], frozenset[str]]:
    """Guardrails to look at, and those that must have data."""
    known = (*SHARES, COST)
    if text is None:
        return list(known), frozenset(ALWAYS)
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise ConfigError("--guardrails", f"expected some of {', '.join(known)}, got {name or 'nothing'}")
    return list(dict.fromkeys(names)), frozenset(names)


def _margins(given: list[str]) -> dict[str, float]:
    margins = {**{name: margin for name, (margin, _) in SHARES.items()}, COST: COST_MARGIN}
    for text in given:
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        if name not in margins or not 0 < value < 1:
            raise ConfigError("--margin", f"expected NAME=N, one of {', '.join(margins)} and 0 < N < 1, got {text}")
        margins[name] = value
    return margins


def _levels(arguments: argparse.Namespace) -> Levels:
    for name, value in (("--false-fail", arguments.false_fail), ("--false-pass", arguments.false_pass)):
        if not 0 < value < 0.5:  # noqa: PLR2004  a coin is no test
            raise ConfigError(name, f"expected a probability over 0 and below 0.5, got {value:g}")
    for name, count in (("--looks", arguments.looks), ("--min-requests", arguments.min_requests)):
        if count < 1:
            raise ConfigError(name, f"expected a whole number from 1, got {count}")
    return Levels(arguments.false_fail, arguments.false_pass, arguments.looks, arguments.min_requests)


def _window(arguments: argparse.Namespace) -> live.Window:
    whole, piece = _seconds("--window", arguments.window), _seconds("--slice", arguments.slice)
    slices = int(whole // piece)
    if piece < SHORTEST_SLICE or not FEWEST <= slices <= MOST:
        raise ConfigError(
            "--slice", f"expected at least {SHORTEST_SLICE:g}s, {FEWEST} to {MOST} of them in the window, got "
            f"{arguments.slice} in {arguments.window}"
        )  # fmt: skip
    # Whole seconds: the points of an answer are found by their time.
    return live.Window(float(int(time.time() if arguments.end is None else arguments.end)), piece, slices)


def _seconds(where: str, text: str) -> float:
    unit = _UNITS.get(text[-1:])
    if unit is None or not text[:-1].isascii() or not text[:-1].isdigit() or int(text[:-1]) == 0:
        raise ConfigError(where, f"expected a time such as 90s, 30m or 2h, got {text or 'nothing'}")
    return float(int(text[:-1]) * unit)
