"""The command line."""

from __future__ import annotations

import argparse
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from forewarn import __version__, app, by_hand, check, config, rulepack
from forewarn.clock import SystemClock
from forewarn.errors import ConfigError
from forewarn.gate import command as gate_command
from forewarn.logs import Log
from forewarn.planner import command as plan_command
from forewarn.probes import suites
from forewarn.web.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

USER_ERROR = 2


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run a command; returns the exit status. A user's mistake is one line on standard error and status 2."""
    try:
        arguments = _parser().parse_args(argv)
        status = int(arguments.command(arguments, os.environ if environ is None else environ))
        sys.stdout.flush()
    except ConfigError as error:
        sys.stderr.write(f"forewarn: {error}\n")
        return USER_ERROR
    except BrokenPipeError:
        # The reader of standard output left; nothing more can be said, and no exit hook may try.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = config.load(arguments.config, environ, _flags(arguments))
    if arguments.print_config:
        sys.stdout.write(settings.dump())
        return 0
    if arguments.check_config:
        suites.load(settings)
        Live(settings.text("web.config_file"))
        for warning in settings.warnings:
            sys.stderr.write(f"forewarn: {warning}\n")
        sys.stdout.write("configuration is valid\n")
        return 0
    clock = SystemClock()
    log = Log(clock, settings.text("log.level"), settings.text("log.format"))
    for warning in settings.warnings:
        log.write("warning", warning)
    stop, reload = threading.Event(), threading.Event()

    def obey(number: int) -> None:
        if number != signal.SIGHUP:
            stop.set()
            return
        reload.set()
        _hung_up(arguments, environ, log)

    take_signals(obey)
    app.run(settings, clock, log, stop, reload)
    return 0


def take_signals(obey: Callable[[int], None]) -> None:
    """Hand SIGTERM, SIGINT and SIGHUP to `obey`, one at a time, in a thread.

    A handler may take no lock, not even an event's: a second signal would interrupt the first one's handler while it
    holds it, and wait for ever. `SimpleQueue.put` is made for that.
    """
    arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: arrived.put(number))

    def serve() -> None:
        while True:
            obey(arrived.get())

    threading.Thread(target=serve, name="signals", daemon=True).start()


def _hung_up(arguments: argparse.Namespace, environ: Mapping[str, str], log: Log) -> None:
    """A SIGHUP has the web configuration read again, nothing else. It tells whether a restart would take the rest."""
    try:
        suites.load(config.load(arguments.config, environ, _flags(arguments)))
    except ConfigError as error:
        log.write("error", f"SIGHUP: going on with the settings of the start; a restart would fail: {error}")
    else:
        log.write("info", "SIGHUP: going on with the settings of the start; a restart takes those of now")


def _check(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = config.load(arguments.config, environ, _flags(arguments))
    log = Log(SystemClock(), "error", settings.text("log.format"))
    return check.check(settings, log, arguments.format, arguments.page, sys.stdout)


def _probe(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    given = {**_flags(arguments), "quality.suites": ("--suites", arguments.suites)}
    settings = config.load(arguments.config, environ, given)
    return by_hand.probe(settings, SystemClock(), arguments.format, sys.stdout, with_warmup=arguments.warmup)


def _rules(arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    base = arguments.runbook_base.rstrip("/")
    if arguments.format == "prometheus":
        texts = rulepack.sources(base, keep_firing=not arguments.no_keep_firing)
    elif arguments.format == "operator":
        texts = {"prometheusrule.yaml": rulepack.operator(dict(arguments.label), base)}
    else:
        texts = {"mimir.yaml": rulepack.mimir(arguments.namespace, base)}
    if arguments.out:
        rulepack.write(Path(arguments.out), texts)
    elif len(texts) == 1:
        sys.stdout.write(next(iter(texts.values())))
    else:
        raise ConfigError("--out", "expected a folder, because this form is several files")
    return 0


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text}")
    return name, value


def _flags(arguments: argparse.Namespace) -> dict[str, tuple[str, object]]:
    """Settings given on the command line, by path."""
    flags = {
        "engine.url": "--engine-url",
        "server.listen": "--listen",
        "log.level": "--log-level",
        "log.format": "--log-format",
        "web.config_file": "--web.config.file",
    }
    given = vars(arguments)
    return {path: (flag, given.get(flag[2:].replace("-", "_"))) for path, flag in flags.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forewarn", description="Leading-indicator monitoring for vLLM.")
    parser.add_argument("--version", action="version", version=f"forewarn {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", metavar="FILE", help="YAML settings; every key is also a FOREWARN_* variable")
    common.add_argument("--engine-url", metavar="URL", help="address of vLLM (default http://127.0.0.1:8000)")
    common.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    common.add_argument("--log-format", metavar="FORM", help="logfmt or json")
    run = commands.add_parser("run", parents=[common], help="run the sidecar", description="Run the sidecar.")
    run.add_argument("--listen", metavar="HOST:PORT", help="where to serve (default :9841)")
    run.add_argument("--web.config.file", metavar="FILE", help="TLS and passwords, as for Prometheus's exporters")
    run.add_argument("--print-config", action="store_true", help="print the effective settings and exit")
    run.add_argument("--check-config", action="store_true", help="validate the settings and exit")
    run.set_defaults(command=_run)
    look = commands.add_parser(
        "check",
        parents=[common],
        help="look once at an engine and say which signals its metrics carry",
        description="Look once at an engine. Exit status: 0 all core signals there, 1 some missing, 2 unreachable.",
    )
    look.add_argument("--format", choices=("table", "json", "metrics"), default="table", help="default: table")
    look.add_argument("--page", metavar="FILE", help="read a saved /metrics page instead of an engine")
    look.set_defaults(command=_check)
    probe = commands.add_parser(
        "probe",
        parents=[common],
        help="send the probes once by hand",
        description="Send a liveness probe, and each golden prompt that is configured, once. "
        "Exit status: 0 all passed, 1 one did not, 2 a user's mistake.",
    )
    probe.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    probe.add_argument("--warmup", action="store_true", help="send one prompt of each warm-up length as well")
    probe.add_argument("--suites", metavar="PATH", help="file or folder of golden prompts (quality.suites)")
    probe.set_defaults(command=_probe)
    rules = commands.add_parser(
        "rules", help="write the alert rules", description="Write the rules pack in the form an installation takes."
    )
    rules.add_argument("--format", choices=("prometheus", "operator", "mimir"), default="prometheus")
    rules.add_argument("--out", metavar="DIR", help="folder to write to (default: standard output, if one file)")
    rules.add_argument("--runbook-base", metavar="URL", default=rulepack.DEFAULT_RUNBOOKS, help="where runbooks live")
    rules.add_argument(
        "--label",
        metavar="NAME=VALUE",
        type=_label,
        action="append",
        default=[],
        help="operator: a label for ruleSelector",
    )
    rules.add_argument(
        "--no-keep-firing", action="store_true", help="prometheus: leave out keep_firing_for, for old evaluators"
    )
    rules.add_argument("--namespace", default="forewarn", help="mimir: the ruler namespace (default forewarn)")
    rules.set_defaults(command=_rules)
    plan_command.add(commands)
    gate_command.add(commands)
    return parser
