"""Ten minutes of every indicator, and the marks that rates are taken from."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from forewarn.status.indicators import INDICATORS, MINUTE, Mark, Window, mark

if TYPE_CHECKING:
    from forewarn.monitor import Monitor
    from forewarn.sampling.rank import RankSampler
    from forewarn.snapshot import RankKey

STEP = 5.0
"""Seconds between two points of a sparkline."""
POINTS = 120


class _RankHistory:
    def __init__(self) -> None:
        self.marks: deque[Mark] = deque(maxlen=int(MINUTE / STEP) + 1)
        self.values: dict[str, deque[float | None]] = {i.id: deque(maxlen=POINTS) for i in INDICATORS}


class Recorder:
    """Records while the sidecar runs; memory is bounded per rank."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._ranks: dict[RankKey, _RankHistory] = {}
        self._last: float | None = None
        self._failing = False

    def tick(self) -> None:
        """Take a point if one is due. Called after every poll; whatever goes wrong costs the point, not the polling."""
        try:
            self._take_point()
        except Exception as error:  # noqa: BLE001  sparklines must not end the polling they hang on
            if not self._failing:
                self._monitor.note("error", f"status history failed: {type(error).__name__}: {error}")
            self._failing = True

    def _take_point(self) -> None:
        with self._monitor.lock:
            now = self._monitor.clock.monotonic()
            if self._last is not None and now - self._last < STEP:
                return
            missed = 0 if self._last is None else min(POINTS, int((now - self._last) / STEP) - 1)
            self._last = now
            for key in self._ranks.keys() - self._monitor.ranks.keys():
                del self._ranks[key]
            for key, rank in self._monitor.ranks.items():
                self._record(self._ranks.setdefault(key, _RankHistory()), rank, now, missed)

    def values(self, key: RankKey) -> dict[str, float | None]:
        """Every indicator of a rank now; None where it cannot be told."""
        rank = self._monitor.ranks[key]
        history = self._ranks.get(key)
        if not self._monitor.fresh() or history is None:
            return {indicator.id: None for indicator in INDICATORS}
        now = self._monitor.clock.monotonic()
        past = history.marks[0] if history.marks else None
        present = mark(rank, now)
        window = Window(rank, now, present, past if past and past.time < present.time else None)
        return {indicator.id: indicator.value(window) for indicator in INDICATORS}

    def history(self, key: RankKey, indicator: str) -> dict[str, object]:
        """The sparkline of an indicator: start (seconds since the epoch), step, values with None for gaps."""
        history = self._ranks.get(key)
        values = list(history.values[indicator]) if history else []
        end = self._monitor.wall_of(self._last) if self._last is not None else self._monitor.clock.wall()
        return {"start": end - STEP * max(0, len(values) - 1), "step": STEP, "values": values}

    def _record(self, history: _RankHistory, rank: RankSampler, now: float, missed: int) -> None:
        fresh = self._monitor.fresh()
        if fresh:
            present = mark(rank, now)
            past = history.marks[0] if history.marks else None
            window = Window(rank, now, present, past)
            history.marks.append(present)
        else:
            history.marks.clear()
        for indicator in INDICATORS:
            values = history.values[indicator.id]
            values.extend([None] * missed)
            values.append(indicator.value(window) if fresh else None)
