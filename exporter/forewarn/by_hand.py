"""`forewarn probe`: the probes sent once by hand, and what came back."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TextIO

from forewarn.probes import panel, suites, warmup
from forewarn.probes.golden import judged
from forewarn.probes.liveness import ASK
from forewarn.probes.reply import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forewarn.clock import Clock
    from forewarn.config import Config
    from forewarn.probes.client import Asker
    from forewarn.probes.reply import Reply

ALL_PASSED = 0
SOME_FAILED = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One probe: its name, whether it passed, what came of it, and its times in seconds."""

    probe: str
    passed: bool
    result: str
    ttft: float | None
    duration: float
    tokens: int | None
    detail: str


def probe(
    config: Config, clock: Clock, form: str, out: TextIO, *, with_warmup: bool = False, asker: Asker | None = None
) -> int:
    """Probe and report in `form` (table or json), row by row; returns the exit status. Raises ConfigError."""
    loaded = suites.load(config)
    rows = []
    for row in _rows(config, asker or panel.client(config, clock), loaded, with_warmup=with_warmup):
        rows.append(row)
        if form == "table":
            out.write(_line(row))
            out.flush()
    if form == "json":
        out.write(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return ALL_PASSED if all(row.passed for row in rows) else SOME_FAILED


def _rows(config: Config, asker: Asker, loaded: tuple[suites.Suite, ...], *, with_warmup: bool) -> Iterator[Row]:
    yield _row("liveness", asker.ask(ASK, config.number("probe.deadline")))
    if with_warmup:
        deadline = config.number("warmup.request_deadline")
        served = asker.served(deadline)
        if not isinstance(served, Served):
            yield _row("warmup", served)
            return
        for length in warmup.fitting(panel.warmup_settings(config).lengths, served):
            request = warmup.request(length, random.Random())  # noqa: S311  prompts need no secrecy
            yield _row(f"warmup {length} tokens", asker.ask(request, deadline))
    for suite in loaded:
        for case in suite.cases:
            reply = asker.ask(case.ask, config.number("quality.deadline"))
            outcome = judged(case, reply)
            yield _row(f"{suite.name} {case.id}", reply, "" if outcome == "error" else outcome)


def _row(name: str, reply: Reply, outcome: str = "") -> Row:
    passed = outcome == "passed" if outcome else reply.verdict == "alive"
    return Row(name, passed, outcome or reply.result, reply.ttft, reply.duration, reply.tokens, reply.detail)


def _line(row: Row) -> str:
    ttft = "" if row.ttft is None else f"ttft {row.ttft:.3f} s"
    tokens = "" if row.tokens is None else f"{row.tokens} tokens"
    words = (row.probe.ljust(24), row.result.ljust(12), ttft.ljust(14), f"{row.duration:.3f} s", tokens, row.detail)
    return "  ".join(words).rstrip() + "\n"
