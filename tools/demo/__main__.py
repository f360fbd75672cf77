"""`python -m tools.demo`: see the package."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tools import interrupts
from tools.demo import prometheus
from tools.demo.engines import ENGINES
from tools.demo.processes import HOST, Children, DemoError, answers, free_port
from tools.demo.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    arguments = _parser().parse_args(argv)
    folder = ROOT / ".demo"
    folder.mkdir(exist_ok=True)
    children = Children(folder, say)
    interrupts.raise_once()
    try:
        _play(arguments, folder, children)
    except DemoError as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    except KeyboardInterrupt:
        say("\nending everything")
    finally:
        interrupts.hold_off()
        children.stop()
    return 0


def _play(arguments: argparse.Namespace, folder: Path, children: Children) -> None:
    engine_port, sidecar_port, prometheus_port = free_port(8000), free_port(9841), free_port(9090)
    engine = ENGINES[arguments.engine](ROOT, folder, engine_port, arguments.scenario)
    program = prometheus.find(say)
    say(f"[1/3] engine ({arguments.engine}) on {HOST}:{engine_port}")
    engine.start(children)
    children.wait_for("the engine", partial(answers, f"http://{HOST}:{engine_port}/health"), engine.start_seconds)
    say(f"[2/3] sidecar on {HOST}:{sidecar_port}")
    sidecar = f"{HOST}:{sidecar_port}"
    settings = folder / "forewarn.yaml"
    settings.write_text(yaml.safe_dump(engine.settings()), encoding="utf-8")
    url = f"http://{HOST}:{engine_port}"
    run = [sys.executable, "-m", "forewarn", "run", "--config", str(settings), "--engine-url", url, "--listen", sidecar]
    children.start("forewarn", run)
    children.wait_for("the sidecar", partial(answers, f"http://{sidecar}{engine.awaits}"), 60)
    say(f"[3/3] Prometheus on {HOST}:{prometheus_port}")
    prometheus.write_config(folder, sidecar)
    children.start("prometheus", prometheus.command(program, folder, prometheus_port))
    base = f"http://{HOST}:{prometheus_port}"
    children.wait_for("Prometheus", partial(answers, f"{base}/-/ready"), 60)
    say(f"\n  status page  http://{sidecar}/\n  Prometheus   {base}/\n")
    _watch(
        children,
        Timeline(partial(prometheus.value, base), partial(prometheus.firing, base), say),
        engine.begin(),
        arguments.seconds,
    )
    if arguments.exit:
        return
    say("\neverything keeps running for you to look at; Ctrl-C ends it")
    while True:
        children.check()
        with suppress(InterruptedError):
            time.sleep(1)


def _watch(children: Children, timeline: Timeline, duration: float, limit: float | None) -> None:
    seconds = duration if limit is None else min(duration, limit)
    say(f"playing an incident of {seconds:.0f} s; ▲ marks a signal that passes its objective\n")
    started = time.monotonic()
    while (now := time.monotonic() - started) < seconds:
        children.check()
        timeline.tick(now)
        time.sleep(max(0.0, prometheus.SCRAPE_SECONDS - (time.monotonic() - started - now)))
    say("")
    for line in timeline.summary():
        say(f"  {line}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools.demo", description=__doc__)
    parser.add_argument("--engine", choices=sorted(ENGINES), default="simulated")
    parser.add_argument("--scenario", metavar="FILE", default=None, help="scenario of the simulated engine")
    parser.add_argument("--seconds", type=float, default=None, help="watch for at most this long")
    parser.add_argument("--exit", action="store_true", help="end after the incident instead of waiting for Ctrl-C")
    return parser


if __name__ == "__main__":
    sys.exit(main())
