"""Queue depth and queue pressure: the smoke alarm of demand passing capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.collectors.base import add_gauges, add_histograms, add_samples
from forewarn.sampling.rank import QUEUE_PRESSURE

if TYPE_CHECKING:
    from forewarn.collectors.base import Families, View

_GAUGES = {
    s.RUNNING: "llm_requests_running",
    s.WAITING: "llm_requests_waiting",
    s.SWAPPED: "llm_requests_swapped",
}


def collect(view: View, out: Families) -> None:
    """Add the series of the queue."""
    add_gauges(view, out, _GAUGES)
    add_samples(view, out, s.WAITING, "llm_requests_waiting_peak", "llm_requests_waiting_samples")
    add_samples(view, out, QUEUE_PRESSURE, "llm_queue_pressure_peak_ratio", "llm_queue_pressure_samples_ratio")
    add_histograms(view, out, {s.QUEUE_TIME: "llm_queue_time_seconds"})
    for labels, rank in view.ranks():
        if {s.TTFT, s.WAITING, s.RUNNING} <= rank.present:
            out.add("llm_requests_arrived_total", labels, rank.arrivals.value)
        out.add("llm_max_running_requests", labels, view.config.optional("engine.max_running_requests"))
