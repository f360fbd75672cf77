"""`forewarn check`: one look at an engine, and what its metrics can and cannot tell."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from prometheus_client import generate_latest

from forewarn import app
from forewarn.clock import ManualClock, SystemClock
from forewarn.errors import ConfigError, FetchError
from forewarn.scrape import Fetcher, Response
from forewarn.status.model import signal_rows

if TYPE_CHECKING:
    from forewarn.config import Config
    from forewarn.logs import Log
    from forewarn.status.model import Json

ALL_CORE = 0
SOME_MISSING = 1
UNREACHABLE = 2
SECOND_POLL = 1.0
"""Seconds between the two polls: derived series need a difference."""


class FilePage:
    """A saved page in place of an engine."""

    def __init__(self, path: str) -> None:
        try:
            self._body = Path(path).read_bytes()
        except OSError as error:
            raise ConfigError("--page", f"expected a readable file, got {path}: {error.strerror}") from None

    def get(self, path: str) -> Response:
        """The page at /metrics, 404 elsewhere."""
        if path != "/metrics":
            raise FetchError("http_status", "HTTP status 404, expected 200")
        openmetrics = self._body.rstrip().endswith(b"# EOF")
        return Response(self._body, "application/openmetrics-text" if openmetrics else "text/plain")

    def close(self) -> None:
        """Nothing to drop."""


def check(config: Config, log: Log, form: str, page: str | None, out: TextIO) -> int:
    """Poll twice and report in `form` (table, json or metrics); returns the exit status.

    `page` is a saved page to read instead of the engine; time is simulated then.
    """
    clock = ManualClock() if page else SystemClock()
    with closing(FilePage(page) if page else _engine(config)) as source:
        parts = app.build(config, clock, log, source, filtered=False)
        parts.poller.poll_once()
        if parts.monitor.up:
            _wait(clock)
            parts.poller.poll_once()
    monitor = parts.monitor
    rows = signal_rows(monitor)
    if form == "metrics":
        out.write(generate_latest(parts.registry).decode())
    elif form == "json":
        out.write(json.dumps(_report(parts, rows, config), indent=2) + "\n")
    else:
        out.write(_table(parts, rows, page or config.text("engine.url")))
    if not monitor.up:
        return UNREACHABLE
    return SOME_MISSING if any(row["core"] and row["state"] == "missing" for row in rows) else ALL_CORE


def _engine(config: Config) -> Fetcher:
    return Fetcher(config.text("engine.url"), config.number("poll.timeout"), int(config.number("poll.max_page_bytes")))


def _wait(clock: ManualClock | SystemClock) -> None:
    import threading  # noqa: PLC0415  only this path waits

    clock.wait(threading.Event(), SECOND_POLL)


def _report(parts: app.Parts, rows: list[Json], config: Config) -> Json:
    monitor = parts.monitor
    return {
        "engine": {
            "url": config.text("engine.url"),
            "up": bool(monitor.up),
            "state": monitor.state,
            "detail": monitor.detail,
            "version": monitor.version,
            "ranks": [{"model": key.model, "engine": key.engine} for key in monitor.ranks],
        },
        "signals": rows,
    }


def _table(parts: app.Parts, rows: list[Json], where: str) -> str:
    monitor = parts.monitor
    if not monitor.up:
        return f"engine {where}: {monitor.state}: {monitor.detail}\n"
    ranks = ", ".join(f"{key.model} rank {key.engine}" for key in monitor.ranks) or "no rank shown"
    head = f"engine {where}: vLLM {monitor.version or 'of unknown version'}, {ranks}\n"
    if monitor.detail:
        head += f"note: {monitor.detail}\n"
    cells = [("SIGNAL", "STATE", "SOURCE, OR WHY MISSING", "BLIND WITHOUT IT")]
    cells += [(str(r["signal"]), _state(r), _source(r), str(r["blind"])) for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(3)]
    lines = ["  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3]]).rstrip() for row in cells]
    missing = sum(1 for r in rows if r["core"] and r["state"] == "missing")
    verdict = f"{missing} core signal(s) missing" if missing else "all core signals are there"
    return head + "\n" + "\n".join(lines) + f"\n\n{verdict}\n"


def _state(row: Json) -> str:
    if row["state"] == "missing" and not row["core"]:
        return "missing (not core)"
    return str(row["state"])


def _source(row: Json) -> str:
    if row["state"] == "missing":
        return str(row["reason"])
    return str(row["source"])
