"""How long the sidecar's own `/metrics` takes while the engine is fine, slow, hanging or gone."""

from __future__ import annotations

import http.client
import statistics
import time
from typing import TYPE_CHECKING
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.figures import Row
from tests.bench.processes import HOST, BenchError, free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.pollers import Setting

SCRAPES = 300
_PAUSE = 0.01
"""Seconds before each request, so that scrapes meet polls at every moment."""
_SETTLE = 3.0
_START = 10.0
_BAR_MS = 10.0
MODES = ("fine", "slow", "hanging", "refused")


def measure(here: Setting) -> tuple[list[Row], int]:
    """A row for each state of the engine, and the number of samples on the page when it is fine."""
    found = []
    samples = 0
    for mode in MODES:
        port = free_port()
        name = f"scraped-{mode}"
        engine = f"http://{HOST}:{free_port()}" if mode == "refused" else None
        here.pollers.forewarn(name, port, engine=engine)
        _wait(port)
        if mode == "fine":
            samples = _samples(port)
        if engine is None:
            with urlopen(f"{here.server}/mode/{name}/{mode}", timeout=10):  # noqa: S310  the bench's own server
                time.sleep(_SETTLE)
        own, trivial = [], []
        for _ in range(SCRAPES):
            own.append(_timed(port, "/metrics"))
            trivial.append(_timed(int(here.server.rpartition(":")[2]), "/counts"))
        found.append(_row(mode, own, trivial))
    return found, samples


def _row(mode: str, own: Sequence[float], trivial: Sequence[float]) -> Row:
    middle, worst = 1e3 * statistics.median(own), _p99_ms(own)
    text = (
        f"{worst:.1f} ms (median {middle:.1f} ms; p99 of a trivial page of another server: {_p99_ms(trivial):.1f} ms)"
    )
    return Row(f"own scrape p99, engine {mode}", text, f"≤ {_BAR_MS:.0f} ms", worst <= _BAR_MS)


def _p99_ms(seconds: Sequence[float]) -> float:
    return 1e3 * statistics.quantiles(seconds, n=100)[98]


def _timed(port: int, path: str) -> float:
    """Seconds from connecting to the last byte."""
    time.sleep(_PAUSE)
    began = time.perf_counter()
    _get(port, path)
    return time.perf_counter() - began


def _get(port: int, path: str = "/metrics") -> str:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _wait(port: int) -> None:
    """Wait until the sidecar has polled: with an engine that answers, until its series are there."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            if "llm_engine_up" in _get(port):
                time.sleep(_SETTLE)
                return
        except OSError:
            continue
    raise BenchError(f"the sidecar on port {port} did not answer within {_START:g} s")


def _samples(port: int) -> int:
    return sum(len(family.samples) for family in text_string_to_metric_families(_get(port)))
