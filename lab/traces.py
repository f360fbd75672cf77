"""Readers of public traces: CSV, plain or gzip, with `t_s,prompt_tokens,output_tokens[,cached_tokens]`, and rates.

Traces are third-party files: they are read where they lie (`--traces DIR`) and never become part of this project.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.vllm_sim.reader import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEEDED = ("t_s", "prompt_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded request, `time` in seconds from the begin of the stretch; `cached_share` None when not recorded."""

    time: float
    prompt_tokens: int
    output_tokens: int
    cached_share: float | None = None


def read(path: Path, start: float, duration: float, speed: float) -> tuple[Row, ...]:
    """The requests of `duration` seconds of play from `start` on, played `speed` times as fast as recorded.

    Raises ScenarioError with the file, the line and what was expected.
    """
    rows = []
    for number, record in enumerate(_records(path, NEEDED), start=2):
        try:
            time = (float(record["t_s"]) - start) / speed
            if 0.0 <= time < duration:
                rows.append(_row(time, record))
        except (TypeError, ValueError):
            expected = f"expected numbers for {', '.join(NEEDED)}"
            raise ScenarioError(f"{path}: line {number}: {expected}, got {dict(record)}") from None
    if not rows:
        raise ScenarioError(f"{path}: expected requests from {start:g} s on, found none")
    return tuple(sorted(rows, key=lambda row: row.time))


def rates(path: Path, column: str) -> list[tuple[float, float]]:
    """(seconds, requests/s) of one column of a rates file, whose first column is the time.

    Raises ScenarioError with the file, the line and what was expected.
    """
    found = []
    for number, record in enumerate(_records(path, ("t_s", column)), start=2):
        try:
            found.append((float(record["t_s"]), float(record[column])))
        except (TypeError, ValueError):
            raise ScenarioError(f"{path}: line {number}: expected numbers for t_s and {column}") from None
    return found


def _row(time: float, record: dict[str, str]) -> Row:
    prompt = max(1, int(float(record["prompt_tokens"])))
    cached = record.get("cached_tokens")
    share = min(1.0, float(cached) / prompt) if cached else None
    return Row(time, prompt, max(1, int(float(record["output_tokens"]))), share)


def _records(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                have = ", ".join(reader.fieldnames or ())
                raise ScenarioError(f"{path}: expected a column {missing[0]}, got {have[:120] or 'an empty file'}")
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
        reason = getattr(error, "strerror", None) or "not a CSV file"
        raise ScenarioError(f"{path}: cannot be read: {reason}") from error
