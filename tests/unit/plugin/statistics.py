"""vLLM's statistics classes as the plugin reads them, and what its registry shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from forewarn.plugin.families import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG = SimpleNamespace(model_config=SimpleNamespace(served_model_name="tiny"))


@dataclass
class Step:
    """SchedulerStats."""

    num_running_reqs: object = 0
    num_waiting_reqs: object = 0
    num_skipped_waiting_reqs: object = 0
    kv_cache_usage: object = 0.0


@dataclass
class Request:
    """FinishedRequestStats."""

    finish_reason: object = "stop"
    num_generation_tokens: object = 10
    max_tokens_param: object = 100
    e2e_latency: object = 1.0
    mean_time_per_output_token: object = 0.01


@dataclass
class Outputs:
    """IterationStats."""

    finished_requests: object = field(default_factory=list)
    time_to_first_tokens_iter: object = field(default_factory=list)
    num_preempted_reqs: object = 0


def place() -> Place:
    """A registry of its own."""
    return Place(CollectorRegistry())


def shown(registry: CollectorRegistry) -> Mapping[str, float]:
    """Samples by name and own labels, without prefix, identity and `_created`."""
    found = {}
    for family in registry.collect():
        for sample in family.samples:
            own = {k: v for k, v in sample.labels.items() if k not in ("model_name", "engine", "version")}
            if not sample.name.endswith("_created"):
                found[" ".join([sample.name.removeprefix("forewarn_plugin_"), *own.values()])] = sample.value
    return found
