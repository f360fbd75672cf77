"""What is looked at during a soak: memory, descriptors and threads of the sidecar, and its page."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.pollers import FOREWARN, setting
from tests.bench.processes import HOST, BenchError, free_port
from tests.vllm.exposition import fetch_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.processes import Child
    from tests.vllm.exposition import Key, Page

FAST_SECONDS = 0.02
FULL_SECONDS = 0.16
"""One poll in eight is a whole page, as at the default intervals."""
SCRAPE_SECONDS = 1.0
SAMPLE_SECONDS = 10.0
_SAY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The sidecar at one moment, `at` in seconds since the first."""

    at: float
    rss_kib: float
    cpu_seconds: float
    files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Soak:
    """What a soak saw. `unanswered` are scrapes without a whole page, `falls` cumulative series lower than before."""

    samples: tuple[Sample, ...]
    scrapes: int
    unanswered: int
    polls: float
    failed_polls: float
    falls: int


def _sample(child: Child, started: float) -> Sample:
    process = Path(f"/proc/{child.pid}")
    return Sample(
        time.monotonic() - started,
        child.rss() * 1024,
        child.cpu(),
        len(list((process / "fd").iterdir())),
        len(list((process / "task").iterdir())),
    )


class _Falls:
    """Counts how often a cumulative series went down."""

    def __init__(self) -> None:
        self._last: dict[Key, float] = {}
        self.count = 0

    def see(self, page: Page) -> None:
        now = {key: page.samples[key] for key in page.cumulative}
        self.count += sum(now.get(key, value) < value for key, value in self._last.items())
        self._last |= now


def _ticks(minutes: float) -> Iterator[float]:
    """The seconds since the start, once per scrape, until the time is over."""
    started, n = time.monotonic(), 0
    while (at := n * SCRAPE_SECONDS) <= minutes * 60:
        time.sleep(max(0.0, started + at - time.monotonic()))
        yield at
        n += 1


def soak(minutes: float, say: Callable[[str], None]) -> Soak:
    """Poll a busy page and be scraped for so long."""
    with setting() as here:
        port = free_port()
        url = f"http://{HOST}:{port}/metrics"
        variables = {
            "FOREWARN_POLL_FAST_INTERVAL": str(FAST_SECONDS),
            "FOREWARN_POLL_FULL_INTERVAL": str(FULL_SECONDS),
            "FOREWARN_PROBE_ENABLED": "false",
            "FOREWARN_WARMUP_ENABLED": "false",
        }
        child = here.pollers.forewarn(FOREWARN, port, variables)
        page = _first_page(url)
        started, falls, samples, scrapes, unanswered = time.monotonic(), _Falls(), list[Sample](), 0, 0
        for at in _ticks(minutes):
            here.children.check()
            scrapes += 1
            try:
                page = fetch_page(url)
                falls.see(page)
            except (OSError, HTTPException) as error:
                unanswered += 1
                say(f"{at / 60:5.1f} min  no answer: {error}")
            if at % SAMPLE_SECONDS == 0:
                samples.append(_sample(child, started))
            if at % _SAY_SECONDS == 0:
                say(f"{at / 60:5.1f} min  {samples[-1].rss_kib / 1024:6.2f} MiB  {_polls(page)[0]:9.0f} polls")
    return Soak(tuple(samples), scrapes, unanswered, *_polls(page), falls.count)


def _first_page(url: str) -> Page:
    for _ in range(300):
        try:
            page = fetch_page(url)
        except OSError:
            time.sleep(0.1)
            continue
        if set(page.find("llm_engine_up").values()) == {1.0}:
            return page
        time.sleep(0.1)
    raise BenchError("the sidecar did not see its engine within 30 s")


def _polls(page: Page) -> tuple[float, float]:
    """Polls so far, and those of them that failed."""
    results = page.by("result", "forewarn_polls_total")
    return sum(results.values()), sum(results.values()) - results["success"]
