"""What this replica is made of and costs, and whether it takes traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forewarn.collectors.base import Families, View


def collect(view: View, out: Families) -> None:
    """Add `llm_replica_*`; a replica counts once, so its first rank carries them."""
    labels = view.known()[0]
    out.add("llm_replica_gpus", labels, view.config.optional("replica.gpus"))
    out.add("llm_replica_cost_usd_per_hour", labels, view.config.optional("replica.usd_per_hour"))
    out.add("llm_replica_ready", labels, 1.0 if view.ready else 0.0)
