"""A scripted engine without sockets, and a whole sidecar on a manual clock in front of it."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, urlsplit

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from forewarn import app, config
from forewarn.clock import ManualClock
from forewarn.errors import FetchError
from forewarn.logs import Log
from forewarn.scrape import Response
from tests.unit.sampling.builders import histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from forewarn.poller import PageSource
    from forewarn.probes.client import Asker
    from forewarn.snapshot import Histogram

SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, math.inf)
TOKENS = (1.0, 2.0, 5.0, 10.0, math.inf)


@dataclass
class Rank:
    """What one rank of the scripted engine shows."""

    running: float = 0.0
    waiting: float = 0.0
    kv: float = 0.0
    tokens: float = 0.0
    preemptions: float = 0.0
    ttft: list[float] = field(default_factory=list)
    finished: dict[str, float] = field(default_factory=lambda: {"stop": 0.0, "error": 0.0})
    lengths: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)

    def families(self) -> dict[str, tuple[str, list[tuple[str, str, float]]]]:
        """Name → type and (suffix, own labels, value) of each sample."""
        return {
            "num_requests_running": ("gauge", [("", "", self.running)]),
            "num_requests_waiting": ("gauge", [("", "", self.waiting)]),
            "kv_cache_usage_perc": ("gauge", [("", "", self.kv)]),
            "generation_tokens_total": ("counter", [("", "", self.tokens)]),
            "num_preemptions_total": ("counter", [("", "", self.preemptions)]),
            "request_success_total": (
                "counter",
                [("", f'finished_reason="{reason}"', count) for reason, count in self.finished.items()],
            ),
            "time_to_first_token_seconds": ("histogram", buckets(histogram(SECONDS, self.ttft))),
            "request_generation_tokens": ("histogram", buckets(histogram(TOKENS, self.lengths))),
            "request_params_max_tokens": ("histogram", buckets(histogram(TOKENS, self.asked))),
        }


def buckets(shown: Histogram) -> list[tuple[str, str, float]]:
    """A histogram's samples."""
    rows = [("_bucket", f'le="{bound}"', count) for bound, count in zip(shown.bounds, shown.counts, strict=True)]
    return [*rows, ("_sum", "", shown.total), ("_count", "", shown.count)]


def escaped(value: str) -> str:
    """A label value as the text format writes it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


class Engine:
    """Stands in for a vLLM server; every attribute may be changed between polls.

    `filter` is what the filtered path does: honour the names, answer empty, show the whole page, or fail.
    `takes` is how long an answer takes, in seconds of the clock.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.model = "m"
        self.ranks: dict[str, Rank] = {"0": Rank()}
        self.start_time: float | None = 1_000.0
        self.version = "0.32.0"
        self.filter: Literal["honoured", "empty", "whole", "fails"] = "honoured"
        self.hidden: set[str] = set()
        self.error: FetchError | None = None
        self.takes = 0.0
        self.edit: Callable[[str], str] = str
        self.content_type = "text/plain; version=0.0.4; charset=utf-8"
        self.requests: list[tuple[float, str]] = []
        self._answering = False

    @property
    def rank(self) -> Rank:
        """The first rank."""
        return next(iter(self.ranks.values()))

    def restart(self) -> None:
        """A new process: counts begin anew, and its start is now."""
        self.ranks = {name: Rank() for name in self.ranks}
        if self.start_time is not None:
            self.start_time = self.clock.wall()

    def page(self, wanted: set[str] | None = None) -> str:
        """The page, or what a filter on sample names leaves of it."""
        lines = []
        for name in self.rank.families() if self.ranks else ():
            if name in self.hidden:
                continue
            lines.append(f"# TYPE vllm:{name} {self.rank.families()[name][0]}")
            for engine, rank in self.ranks.items():
                identity = f'engine="{engine}",model_name="{escaped(self.model)}"'
                for suffix, own, value in rank.families()[name][1]:
                    if wanted is None or f"vllm:{name}{suffix}" in wanted:
                        lines.append(f"vllm:{name}{suffix}{{{','.join(filter(None, [identity, own]))}}} {value}")
        if self.start_time is not None and wanted is None:
            lines.append(f"process_start_time_seconds {self.start_time}")
        return self.edit("\n".join([*lines, ""]))

    def get(self, path: str) -> Response:
        """The answer to a GET, one at a time."""
        assert not self._answering
        self._answering = True
        try:
            self.requests.append((self.clock.monotonic(), path))
            self.clock.advance(self.takes)
            if self.error is not None:
                raise self.error
            return self._answer(path)
        finally:
            self._answering = False

    def _answer(self, path: str) -> Response:
        if path == "/version":
            return Response(json.dumps({"version": self.version}).encode(), "application/json")
        query = urlsplit(path).query
        if not query or self.filter == "whole":
            return Response(self.page().encode(), self.content_type)
        if self.filter == "fails":
            raise FetchError("http_status", "HTTP status 404 from /metrics/, expected 200")
        wanted = {value for name, value in parse_qsl(query) if name == "name[]"}
        return Response(self.page(wanted).encode() if self.filter == "honoured" else b"", self.content_type)

    def close(self) -> None:
        """Nothing to release."""


Exported = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""(name, sorted labels) → value."""


def selected(exported: Exported, name: str, labels: Mapping[str, str]) -> list[float]:
    """Values of the series of that name and these labels."""
    return [value for (found, has), value in exported.items() if found == name and labels.items() <= dict(has).items()]


def only(values: list[float]) -> float | None:
    """The one value, None when there is none."""
    assert len(values) <= 1
    return values[0] if values else None


class World:
    """A sidecar in front of a scripted engine; `logged` is what it wrote."""

    def __init__(self, source: PageSource | None = None, asker: Asker | None = None, **settings: object) -> None:
        self.clock = ManualClock()
        self.engine = Engine(self.clock)
        self._log = io.StringIO()
        flags = {path.replace("__", "."): ("test", value) for path, value in settings.items()}
        self.config = config.load(None, {}, flags)
        log = Log(self.clock, stream=self._log)
        self.parts = app.build(self.config, self.clock, log, source or self.engine, asker)
        self.monitor, self.poller = self.parts.monitor, self.parts.poller

    def step(self) -> None:
        """One poll, and the time until the next is due."""
        due = self.poller.step()
        self.parts.after_poll()
        self.clock.advance(max(0.0, due - self.clock.monotonic()))

    def run(self, seconds: float) -> None:
        """Poll for a while."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.step()

    def lines(self, part: str) -> list[str]:
        """Logged lines that contain `part`."""
        return [line for line in self._log.getvalue().splitlines() if part in line]

    def paths(self) -> list[str]:
        """Paths asked for so far, without their queries, forgetting them."""
        found = [urlsplit(path).path for _, path in self.engine.requests]
        self.engine.requests.clear()
        return found

    def exported(self) -> Exported:
        """Every sample of the sidecar's page as text parsed back."""
        text = generate_latest(self.parts.registry).decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in parse(text)
            for sample in family.samples
        }

    def values(self, name: str, **labels: str) -> list[float]:
        """Values of the exported series of that name and these labels."""
        return selected(self.exported(), name, labels)

    def value(self, name: str, **labels: str) -> float | None:
        """The one exported series of that name and these labels, None when it is absent."""
        return only(self.values(name, **labels))

    def families(self) -> set[str]:
        """Names of exported samples."""
        return {name for name, _ in self.exported()}
