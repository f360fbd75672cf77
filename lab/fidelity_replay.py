"""The two measured replays of a vLLM of 2024 on a GPU: what they say, as a `Run`, and the engine that they imply.

Neither output lengths nor step times are in the files. Both are taken from the telemetry: a running sequence gets
one token per step, so tokens per second divided by running sequences is the steps per second; their integral over
the time between a request's first and last token is its length.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lab.fidelity_capture import Run, Sample, Sent
from lab.fidelity_fit import Work
from lab.fidelity_load import Shape

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("x100", "x500")
MAX_NUM_SEQS = 256
"""vLLM's default of 2024; the telemetry of the overload stands at it."""
MAX_NUM_BATCHED_TOKENS = 2048
OUTPUT_CAP = 1024
BLOCK_SIZE = 16
MAX_MODEL_LEN = 2048


class TracesError(Exception):
    """The replays are not where they should be; one line."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the telemetry. `kv_usage` is 0 to 1, the rates are tokens per second."""

    time: float
    running: float
    waiting: float
    kv_usage: float
    prompt_rate: float
    token_rate: float

    @property
    def step_rate(self) -> float:
        """Steps per second: a running sequence gets a token per step."""
        return self.token_rate / self.running if self.running else 0.0


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay as a run, and the work that its telemetry shows."""

    run: Run
    work: tuple[Work, ...]


def load_replay(folder: Path, name: str) -> Replay:
    """Read one replay; TracesError when its files are missing or not as described."""
    stem = folder / f"vllm-replay-{name}"
    try:
        rows = [_row(line) for line in _read(stem, "telemetry")]
        requests = _requests(_read(stem, "requests"), rows)
    except (OSError, KeyError, ValueError) as error:
        raise TracesError(f"{stem}-*.csv: {error}, expected the measured replay's requests and telemetry") from error
    shape = Shape(MAX_NUM_SEQS, _blocks(requests, rows), MAX_NUM_BATCHED_TOKENS)
    samples = tuple(Sample(row.time, row.running, row.waiting, row.kv_usage, 0.0) for row in rows)
    return Replay(Run(name, shape, tuple(sent for sent, _ in requests), samples), tuple(_work(rows)))


def _read(stem: Path, kind: str) -> list[dict[str, str]]:
    with stem.with_name(f"{stem.name}-{kind}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _row(line: dict[str, str]) -> Row:
    names = ("t_s", "num_running", "num_waiting", "kv_usage_pct", "prompt_tok_s", "gen_tok_s")
    time, running, waiting, usage, prompts, tokens = (float(line[name]) for name in names)
    return Row(time, running, waiting, usage / 100, prompts, tokens)


def _requests(lines: list[dict[str, str]], rows: list[Row]) -> list[tuple[Sent, float]]:
    """Return the requests with the moment of their end."""
    times, steps = [rows[0].time], [0.0]
    for before, row in pairwise(rows):
        times.append(row.time)
        steps.append(steps[-1] + row.step_rate * (row.time - before.time))
    found = []
    for line in lines:
        arrival, ttft, end = float(line["t_s"]), float(line["ttft_s"]), float(line["t_s"]) + float(line["e2e_s"])
        decoded = np.interp(end, times, steps) - np.interp(arrival + ttft, times, steps)
        output = max(1, min(OUTPUT_CAP, round(1 + float(decoded))))
        found.append((Sent(arrival, int(line["prompt_tokens"]), output, ttft), end))
    return found


def _blocks(requests: list[tuple[Sent, float]], rows: list[Row]) -> int:
    """Return the KV blocks that make the tokens held by running requests the measured share of the cache."""
    held, usage = [], []
    for row in rows:
        tokens = sum(_tokens(sent, end, row.time) for sent, end in requests)
        if row.kv_usage and tokens:
            held.append(tokens)
            usage.append(row.kv_usage)
    capacity = float(np.dot(held, held) / np.dot(held, usage))
    return round(capacity / BLOCK_SIZE) + 1


def _tokens(sent: Sent, end: float, now: float) -> float:
    first = sent.time + sent.ttft
    if not first <= now < end:
        return 0.0
    return sent.prompt_tokens + sent.output_tokens * (now - first) / (end - first)


def _work(rows: list[Row]) -> list[Work]:
    found = []
    for before, row in pairwise(rows):
        seconds = row.time - before.time
        if before.running and row.running and row.token_rate:
            counts = (row.step_rate * seconds, row.prompt_rate * seconds, row.token_rate * seconds)
            found.append(Work(before.time, seconds, *counts))
    return found


def smooth(work: tuple[Work, ...], seconds: float) -> list[Work]:
    """Return the work in windows of at least `seconds`, as single telemetry rows scatter."""
    starts = [item.start for item in work]
    found, index = [], 0
    while index < len(work):
        end = max(index + 1, bisect_right(starts, work[index].start + seconds))
        part = work[index:end]
        sums = (sum(getattr(item, name) for item in part) for name in ("seconds", "steps", "prompt_tokens", "decoded"))
        found.append(Work(part[0].start, *sums))
        index = end
    return found
