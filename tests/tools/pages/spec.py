"""What one page is to show: a release, an engine, the way it is served and which options are on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from .catalogue import Engine, Version, version
from .workload import Load, busy, fresh

if TYPE_CHECKING:
    from collections.abc import Mapping

Registry = Literal["aioprometheus", "single", "multiprocess", "ray", "rust"]
Feature = Literal["hidden", "spec", "lora", "no-stats", "fresh", "nans", "custom-buckets", "future"]

MODEL = "org/tiny-8b"
MAX_MODEL_LEN = 2048
START = 1795450321.24
NOW = START + 600.0
FIRST_CREATED = START + 26.756


@dataclass(frozen=True, slots=True)
class Rank:
    """One engine on the page: data-parallel rank, seed of its load, Ray's labels where Ray serves it."""

    engine: str
    seed: int
    ray: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PageSpec:
    """One page.

    `managed` is the number of ranks that the front end manages, of which `ranks` are visible. `pids` are the
    API server processes that each leave their own series of a gauge without a multiprocess mode.
    """

    release: str
    engine: Engine
    stands_for: str
    variant: str = ""
    registry: Registry = "single"
    ranks: tuple[Rank, ...] = (Rank("0", 0),)
    managed: int = 1
    pids: tuple[str, ...] = ()
    prefix: str = "vllm:"
    features: frozenset[Feature] = frozenset()

    @cached_property
    def version(self) -> Version:
        """The release as a tuple that sorts."""
        return version(self.release)

    @property
    def file(self) -> str:
        """File name of the page."""
        stem = "-".join(part for part in (self.release, self.engine, self.variant) if part)
        return f"{stem}.{'om' if self.registry == 'rust' else 'prom'}"

    @property
    def has_engine_label(self) -> bool:
        """Whether core series tell the data-parallel rank: V1 since 0.8.3."""
        return self.engine == "v1" and self.version >= (0, 8, 3)

    @property
    def has_process_series(self) -> bool:
        """Whether the page has python_* and process_*: prometheus_client with one process, since 0.3.3."""
        return self.registry == "single"

    @property
    def has_created_series(self) -> bool:
        """Whether counters and histograms come with a creation time: V1 since 0.8.0 with one process."""
        return self.registry == "single" and self.engine == "v1" and self.version >= (0, 8, 0)

    @property
    def has_http_series(self) -> bool:
        """Whether the FastAPI instrumentation is there: V1 since 0.8.3, not in Ray."""
        return self.has_engine_label and self.registry != "ray"

    @property
    def precreates(self) -> bool:
        """Whether series exist before their first event. Ray drops increments of 0, V0 creates lazily."""
        return self.engine == "v1" and self.registry != "ray"

    @property
    def finish_reasons(self) -> tuple[str, ...]:
        """Reasons the release knows, in the order it registers them."""
        newer = (("error", (0, 13, 0)), ("repetition", (0, 17, 0)))
        return ("stop", "length", "abort", *(reason for reason, since in newer if self.version >= since))

    def load(self, rank: Rank) -> Load:
        """Return what that rank has done."""
        if "fresh" in self.features:
            return fresh()
        return busy(rank.seed, burst=2 if "spec" in self.features else 1)

    def finished(self, load: Load) -> dict[str, int]:
        """Count finished requests by reason; what the release has no reason for counts as abort."""
        counts = {reason: load.finished_by(reason) for reason in self.finish_reasons}
        counts["abort"] += len(load.finished) - sum(counts.values())
        return {reason: count for reason, count in counts.items() if count or self.precreates}
