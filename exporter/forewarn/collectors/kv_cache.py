"""KV-cache usage and preemptions: memory pressure before and while it bites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.collectors.base import add_counters, add_gauges, add_samples

if TYPE_CHECKING:
    from forewarn.collectors.base import Families, View

_GAUGES = {s.KV_USAGE: "llm_kv_cache_usage_ratio", s.KV_CAPACITY: "llm_kv_cache_capacity_tokens"}


def collect(view: View, out: Families) -> None:
    """Add the series of the KV cache."""
    add_gauges(view, out, _GAUGES)
    add_samples(view, out, s.KV_USAGE, "llm_kv_cache_usage_peak_ratio", "llm_kv_cache_usage_samples_ratio")
    add_counters(view, out, {s.PREEMPTIONS: "llm_preemptions_total"})
