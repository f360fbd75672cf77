"""`python -m lab.vllm_sim`: a vLLM server for people with no GPU."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from lab.vllm_sim.driver import Driver
from lab.vllm_sim.reader import ScenarioError
from lab.vllm_sim.scenario import Scenario, load_scenario
from lab.vllm_sim.server import Front
from lab.vllm_sim.simulation import Simulation
from lab.vllm_sim.table import lines
from lab.vllm_sim.versions import release

DEFAULT_SCENARIO = Path(__file__).parent.parent / "scenarios" / "steady.yaml"
USAGE_ERROR = 2
HIGHEST_PORT = 65535


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\n")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {HIGHEST_PORT}, got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number >= 0, got {text!r}")
    return int(text)


def _version(text: str) -> str:
    try:
        release(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, got {text!r}") from error
    return text


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number > 0, got {text!r}")
    return value


def _parser() -> _Parser:
    parser = _Parser(prog="python -m lab.vllm_sim", description="A simulated vLLM server.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--scenario", type=Path, default=DEFAULT_SCENARIO, metavar="FILE", help="what to play (default: steady.yaml)"
    )
    parser.add_argument("--seed", type=_seed, metavar="N", help="instead of the scenario's")
    parser.add_argument(
        "--speed", type=_positive, default=1.0, metavar="X", help="virtual seconds per second (default: %(default)s)"
    )
    parser.add_argument(
        "--vllm-version", type=_version, metavar="X.Y.Z", help="whose page to show, instead of the scenario's"
    )
    parser.add_argument("--model", metavar="NAME", help="served model name, instead of the scenario's")
    parser.add_argument(
        "--table",
        type=_positive,
        metavar="SECONDS",
        nargs="?",
        const=5.0,
        help="serve nothing: play once in virtual time and print a row per SECONDS (default 5)",
    )
    return parser


def _serve(scenario: Scenario, arguments: argparse.Namespace) -> int:
    driver = Driver(Simulation(scenario, epoch=time.time(), seed=arguments.seed), speed=arguments.speed)
    front = Front(arguments.host, arguments.port, driver)
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    front.open()
    driver.start(on_down=front.close, on_up=front.open)
    host, port = front.address
    sys.stdout.write(f"vllm_sim: scenario {scenario.name}, model {scenario.engine.model}, http://{host}:{port}\n")
    sys.stdout.flush()
    done.wait()
    driver.stop()
    front.close()
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code, 2 for a mistake of the user."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        scenario = load_scenario(arguments.scenario)
        if arguments.model:
            scenario = replace(scenario, engine=replace(scenario.engine, model=arguments.model))
        if arguments.vllm_version:
            scenario = replace(scenario, engine=replace(scenario.engine, version=arguments.vllm_version))
        if arguments.table:
            sys.stdout.writelines(f"{line}\n" for line in lines(scenario, seed=arguments.seed, every=arguments.table))
            return 0
        return _serve(scenario, arguments)
    except ScenarioError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"cannot listen on {arguments.host}:{arguments.port}: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main())
