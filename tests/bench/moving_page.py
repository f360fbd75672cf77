"""A real vLLM page whose values go on as those of a busy engine do."""

from __future__ import annotations

import math
from pathlib import Path

CAPTURE = Path(__file__).parents[1] / "fixtures" / "pages" / "captures" / "vllm-0.32.0.prom"
REQUESTS = 300.0
"""Requests finished in the capture."""
REQUESTS_PER_SECOND = 20.0
"""Of the busy engine: every counter grows by the capture's own share of it."""

_FIXED = ("python_info", "process_start_time_seconds", "process_max_fds")
_FIXED_SUFFIXES = ("_created", "_info", "_state")
_SWINGS = {
    "vllm:num_requests_running": 256.0,
    "vllm:num_requests_waiting": 40.0,
    "vllm:kv_cache_usage_perc": 0.9,
    "process_virtual_memory_bytes": 2.2e9,
    "process_resident_memory_bytes": 6.5e8,
    "process_open_fds": 300.0,
}
"""Gauges that a busy engine moves, up to this value. The capture was taken when nothing ran."""
_PERIOD = 7.0


class MovingPage:
    """The page at any time: only lines move that a busy engine moves.

    Counters and buckets grow in proportion to the capture, rounded down, so that buckets stay cumulative and a
    bucket that rarely counts rarely moves. Sums keep their fraction. What is zero in the capture, `_created`,
    info and state lines stay as they are.
    """

    def __init__(self, text: str) -> None:
        self._lines: list[str] = []
        self._moving: list[tuple[int, str, float, float]] = []
        for line in text.splitlines():
            head, _, token = line.rpartition(" ")
            name = head.partition("{")[0]
            swing = _SWINGS.get(name, 0.0)
            if not line.startswith("#") and (swing or _grows(name, float(token))):
                self._moving.append((len(self._lines), head, float(token), swing))
            self._lines.append(line)

    def at(self, seconds: float) -> bytes:
        """The page after so many seconds of work."""
        lines = self._lines.copy()
        grown = 1 + seconds * REQUESTS_PER_SECOND / REQUESTS
        phase = 0.5 + 0.5 * math.sin(2 * math.pi * seconds / _PERIOD)
        for index, head, start, swing in self._moving:
            value = start * grown
            if swing:
                value = phase * swing if swing < 1 else float(int(phase * swing))
            elif start.is_integer():
                value = float(int(value))
            lines[index] = f"{head} {value!r}"
        return ("\n".join(lines) + "\n").encode()


def _grows(name: str, value: float) -> bool:
    return value != 0 and name not in _FIXED and not name.endswith(_FIXED_SUFFIXES)


def capture() -> MovingPage:
    """The captured page of vLLM 0.32.0, made busy."""
    return MovingPage(CAPTURE.read_text(encoding="utf-8"))
