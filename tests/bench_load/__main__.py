"""`make bench-load`: a thousand scrapes a second while polling, plain and with TLS and a password."""

from __future__ import annotations

import argparse
import base64
import json
import math
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.bench import report
from tests.bench.figures import Row
from tests.bench.pollers import program, setting
from tests.bench.processes import HOST, BenchError, Child, free_port
from tests.tools.web_files import PASSWORD, WebFolder, client_context, hashed, tls_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bench.pollers import Setting

RATE = 1000
CONNECTIONS = 20
INTERVAL = 0.1
"""Seconds between polls: two and a half times as often as by default."""
POLLING = {"FOREWARN_POLL_FAST_INTERVAL": f"{INTERVAL}", "FOREWARN_POLL_FULL_INTERVAL": "1"}
SCRIPT = Path(__file__).with_name("paced.lua")
BEGIN, END = "<!-- load: begin, written by make bench-load -->", "<!-- load: end -->"
_SETTLE = 4.0
_COST = 10
"""Of the password's hash, as htpasswd -C 10 makes it."""
AUTHORIZATION = "Basic " + base64.b64encode(f"prometheus:{PASSWORD}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Target:
    """A sidecar under load, and how it is asked."""

    name: str
    child: Child
    url: str
    protected: bool

    def polls(self) -> tuple[float, float, float]:
        """Polls that worked and that did not, and the age of the newest sample in seconds."""
        request = Request(self.url, headers={"Authorization": AUTHORIZATION})  # noqa: S310  the bench's own server
        with urlopen(request, timeout=30, context=client_context() if self.protected else None) as answer:  # noqa: S310  as above
            families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
        counts = {s.labels["result"]: s.value for s in samples if s.name == "forewarn_polls_total"}
        age = next((s.value for s in samples if s.name == "forewarn_sample_age_seconds"), math.inf)
        return counts.get("success", 0.0), sum(counts.values()) - counts.get("success", 0.0), age


@dataclass(frozen=True, slots=True)
class Beats:
    """Polls within a time: made of those due, failed, the oldest sample seen, CPU as a share of one core."""

    made: float
    due: float
    failed: float
    oldest: float
    cpu: float


def say(line: str) -> None:
    """Print a line of progress at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def wrk(url: str, seconds: float, *, protected: bool) -> Iterator[subprocess.Popen[str]]:
    """Wrk at work; one thread, so that there is one schedule."""
    flags = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT)]
    header = ["-H", f"Authorization: {AUTHORIZATION}"] if protected else []
    command = [program("wrk"), *flags, *header, url, "--", str(RATE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def result(process: subprocess.Popen[str]) -> dict[str, float]:
    """What wrk's script says at its end."""
    text, _ = process.communicate()
    line = next((line for line in text.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise BenchError(f"wrk gave no result: {text.strip()[-200:]}")
    found: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    return found


def beats(target: Target, seconds: float) -> Beats:
    """Watch the sidecar's own counters for a while; it is asked five times a second for the age of its samples."""
    good, bad, _ = target.polls()
    started, cpu, oldest = time.monotonic(), target.child.cpu(), 0.0
    while time.monotonic() - started < seconds:
        time.sleep(0.2)
        oldest = max(oldest, target.polls()[2])
    now, failed, _ = target.polls()
    took = time.monotonic() - started
    return Beats(now - good, took / INTERVAL, failed - bad, oldest, (target.child.cpu() - cpu) / took)


def start(here: Setting, name: str, folder: Path, *, protected: bool) -> Target:
    """A sidecar that polls the page server, protected by TLS and a password or by nothing."""
    port, environment = free_port(), dict(POLLING)
    if protected:
        web = WebFolder(folder)
        users = {"basic_auth_users": {"prometheus": hashed(cost=_COST)}}
        environment["FOREWARN_WEB_CONFIG_FILE"] = web.write(tls_section(), users)
    child = here.pollers.forewarn(name, port, environment)
    time.sleep(_SETTLE)
    here.children.check()
    return Target(name, child, f"{'https' if protected else 'http'}://{HOST}:{port}/metrics", protected)


def measure(here: Setting, folder: Path, seconds: float) -> list[Row]:
    """The table's lines."""
    with wrk(f"{here.server}/counts", seconds / 4, protected=False) as process:
        trivial = result(process)
    rows = [Row("a trivial page of another server", f"{latencies(trivial)}; {rate(trivial):.0f}/s")]
    for name, protected in (("plain", False), ("TLS, password", True)):
        target = start(here, name.split(",")[0], folder, protected=protected)
        say(f"{name}: polls alone for {seconds / 4:g} s")
        alone = beats(target, seconds / 4)
        say(f"{name}: {RATE} scrapes a second for {seconds:g} s")
        with wrk(target.url, seconds, protected=protected) as process:
            loaded = beats(target, seconds - 1)
            found = result(process)
        rows += lines(name, found, alone, loaded)
    return rows


def rate(found: Mapping[str, float]) -> float:
    """Requests per second that were answered."""
    return found["requests"] / found["seconds"]


def latencies(found: Mapping[str, float]) -> str:
    """Median, p99 and the worst."""
    return f"p99 {found['p99_ms']:.1f} ms (median {found['p50_ms']:.1f} ms, worst {found['max_ms']:.0f} ms)"


def lines(name: str, found: Mapping[str, float], alone: Beats, loaded: Beats) -> list[Row]:
    """What one sidecar did."""
    wrong = {kind: int(found[kind]) for kind in ("connect", "read", "write", "status", "timeout")}
    errors = sum(wrong.values())
    told = f" ({', '.join(f'{kind} {count}' for kind, count in wrong.items() if count)})" if errors else ""
    per_scrape = 1e3 * (loaded.cpu - alone.cpu) / rate(found)
    share, before = loaded.made / loaded.due, alone.made / alone.due
    polls = (
        f"{loaded.made:.0f} of {loaded.due:.0f} due = {share:.1%}, {loaded.failed:.0f} failed (unscraped: {before:.1%})"
    )
    return [
        Row(f"{name}: scrapes answered", f"{rate(found):.0f}/s", f"≥ {RATE * 0.99:.0f}/s", rate(found) >= RATE * 0.99),
        Row(f"{name}: errors", f"{errors} of {found['requests']:.0f}{told}", "0", errors == 0),
        Row(f"{name}: time to answer", latencies(found)),
        Row(
            f"{name}: polls made",
            polls,
            "≥ 99 % of unscraped, none failed",
            share >= 0.99 * before and not loaded.failed,
        ),
        Row(f"{name}: oldest sample seen", f"{loaded.oldest:.2f} s (unscraped: {alone.oldest:.2f} s)"),
        Row(
            f"{name}: CPU",
            f"{loaded.cpu:.0%} of one core, {per_scrape:.2f} ms for each scrape (unscraped: {alone.cpu:.1%})",
        ),
    ]


def main() -> int:
    """Measure, print, and with --write put the table into docs/performance.md; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each run (%(default)s)")
    parser.add_argument("--write", action="store_true", help="update docs/performance.md")
    arguments = parser.parse_args()
    try:
        with setting() as here, tempfile.TemporaryDirectory(prefix="forewarn-load-") as scratch:
            rows = measure(here, Path(scratch), arguments.seconds)
        load = f"{RATE} scrapes a second for {arguments.seconds:g} s over {CONNECTIONS} kept connections."
        text = report.table(rows, f"{report.machine()} {load}")
        say("\n" + text)
        if arguments.write:
            report.write(text, BEGIN, END)
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
