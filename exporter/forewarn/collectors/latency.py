"""Latency histograms in the engine's own buckets, and the counts of requests over budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.collectors.base import add_histograms
from forewarn.sampling.rank import JUDGED, OVER

if TYPE_CHECKING:
    from forewarn.collectors.base import Families, View

_HISTOGRAMS = {
    s.TTFT: "llm_time_to_first_token_seconds",
    s.TPOT: "llm_time_per_output_token_seconds",
    s.ITL: "llm_inter_token_latency_seconds",
    s.E2E: "llm_request_duration_seconds",
}


def collect(view: View, out: Families) -> None:
    """Add latency and service-level series."""
    add_histograms(view, out, _HISTOGRAMS)
    for labels, rank in view.ranks():
        for sli, total in rank.slo.items():
            if total.source is not None:
                counts = total.values()
                out.add("llm_slo_requests_total", (*labels, sli), counts[JUDGED])
                out.add("llm_slo_violations_total", (*labels, sli), counts[OVER])
