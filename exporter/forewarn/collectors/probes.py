"""What the probes found: life, warmth, quality, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forewarn.collectors.base import Families, Labels, View
    from forewarn.probes.panel import Panel


def collect(view: View, out: Families) -> None:
    """Add `llm_probe_*`, `llm_warmup_*`, `llm_quality_*` and warmth; a replica's first rank carries them."""
    panel, labels = view.probes, view.known()[0]
    _warmup(view, panel, labels, out)
    if panel.liveness is not None and view.monitor.fresh() and panel.liveness.success is not None:
        out.add("llm_probe_success", labels, 1.0 if panel.liveness.success else 0.0)
    for (kind, result), count in sorted(panel.prober.requests.items()):
        out.add("llm_probe_requests_total", (*labels, kind, result), float(count))
    for kind, count in sorted(panel.prober.tokens.items()):
        out.add("llm_probe_tokens_total", (*labels, kind), float(count))
    for (kind, reason), count in sorted(panel.prober.held.items()):
        out.add("llm_probe_held_total", (*labels, kind, reason), float(count))
    _quality(view, panel, labels, out)


def _warmup(view: View, panel: Panel, labels: Labels, out: Families) -> None:
    gate = panel.gate
    if gate is None:
        return
    warm = gate.warm
    if view.monitor.fresh() and warm is not None:
        out.add("llm_replica_warm", labels, 1.0 if warm else 0.0)
        out.add("llm_warmup_failed", labels, 1.0 if gate.look() == "failed" else 0.0)
        if not warm:
            out.add("llm_warmup_progress_ratio", labels, gate.progress)
    out.add("llm_warmup_duration_seconds", labels, gate.duration)
    out.add("llm_replica_cold_start_seconds", labels, gate.cold_start)


def _quality(view: View, panel: Panel, labels: Labels, out: Families) -> None:
    now = view.monitor.clock.wall()
    for score in panel.board.known(now):
        if panel.board.is_fresh(score, now):
            out.add("llm_quality_score", (*labels, score.suite), score.value)
        out.add("llm_quality_evaluated_timestamp_seconds", (*labels, score.suite), score.evaluated)
    for (suite, outcome), count in sorted(panel.golden.cases.items()):
        out.add("llm_quality_cases_total", (*labels, suite, outcome), float(count))
    for (source, result), count in sorted(panel.inbox.taken.items()):
        out.add("llm_quality_documents_total", (*labels, source, result), float(count))
