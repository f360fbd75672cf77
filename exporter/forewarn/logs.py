"""Structured log lines, logfmt or JSON, one write each."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from forewarn.clock import Clock

LEVELS = ("debug", "info", "warning", "error")


class Log:
    """Writes lines of at least `level` to `stream`. Secrets and prompts never get here."""

    def __init__(self, clock: Clock, level: str = "info", form: str = "logfmt", stream: TextIO | None = None) -> None:
        self._clock = clock
        self._least = LEVELS.index(level)
        self._form = form
        self._stream = stream if stream is not None else sys.stderr

    def write(self, level: str, text: str, **fields: object) -> None:
        """Write one line; `fields` follow the message."""
        if LEVELS.index(level) < self._least:
            return
        record = {"ts": round(self._clock.wall(), 3), "level": level, "msg": text, **fields}
        line = json.dumps(record, default=str) if self._form == "json" else _logfmt(record)
        # A log that nobody can take (a full disk, a reader that left) must not end the monitoring.
        with suppress(OSError):
            self._stream.write(line + "\n")
            self._stream.flush()


def _logfmt(record: dict[str, object]) -> str:
    return " ".join(f"{key}={_logfmt_value(value)}" for key, value in record.items())


def _logfmt_value(value: object) -> str:
    text = str(value)
    plain = text and all(char.isprintable() and char not in ' ="' for char in text)
    return text if plain else json.dumps(text)
