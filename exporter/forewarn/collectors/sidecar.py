"""The sidecar about itself: polls, ages, and which signals it can see."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from forewarn import SCHEMA_VERSION, __version__
from forewarn import signals as s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forewarn.collectors.base import Families, View
    from forewarn.monitor import Monitor


def collect(view: View, out: Families) -> None:
    """Add `forewarn_*`."""
    monitor = view.monitor
    out.add("forewarn_build_info", (__version__, platform.python_version()), 1.0)
    out.add("forewarn_schema_info", (str(SCHEMA_VERSION),), 1.0)
    for result, count in sorted(monitor.results.items()):
        out.add("forewarn_polls_total", (result,), float(count))
    for speed, interval in monitor.intervals.items():
        out.add("forewarn_poll_interval_seconds", (speed,), interval)
        out.add("forewarn_poll_duration_seconds", (speed,), monitor.durations.get(speed))
    out.add("forewarn_sample_age_seconds", (), monitor.sample_age())
    if monitor.fresh():
        for signal, shown in monitor.available.items():
            if not (shown and s.BY_NAME[signal].optional):
                out.add("forewarn_signal_available", (signal,), 1.0 if shown else 0.0)
        for signal, exact in _exactness(monitor):
            out.add("forewarn_signal_exact", (signal,), 1.0 if exact else 0.0)


def _exactness(monitor: Monitor) -> Iterator[tuple[str, bool]]:
    """Signals that are exact on some engines and estimated on others."""
    for signal in (s.EMPTY, s.ARRIVED, s.TPOT):
        if monitor.available.get(signal):
            yield signal, monitor.exact(signal)
    for sli in monitor.settings.budgets:
        if any(rank.slo[sli].source for rank in monitor.ranks.values()):
            yield f"slo_{sli}", monitor.exact(f"slo_{sli}")
