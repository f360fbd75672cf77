"""Whether the engine is there, what it is, and whether it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import signals as s

if TYPE_CHECKING:
    from forewarn.collectors.base import Families, View


def collect(view: View, out: Families) -> None:
    """Add `llm_engine_*`."""
    monitor = view.monitor
    if monitor.up is not None:
        for labels in view.known():
            out.add("llm_engine_up", labels, 1.0 if monitor.fresh() else 0.0)
    for labels, rank in view.ranks():
        version, source = monitor.version or "unknown", "plugin" if s.PLUGIN in rank.present else "metrics"
        out.add("llm_engine_info", (*labels, "vllm", version, source), 1.0)
        out.add("llm_engine_start_time_seconds", labels, monitor.start_time)
        if rank.progress.last is not None:
            out.add("llm_engine_last_progress_timestamp_seconds", labels, monitor.wall_of(rank.progress.last))
        out.add("llm_engine_stalled", labels, 1.0 if monitor.stalled(rank) else 0.0)
