"""Reads the written pages' manifest: what each page encodes, for tests to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

WRITTEN = Path(__file__).resolve().parents[2] / "fixtures" / "pages" / "written"


@dataclass(frozen=True, slots=True)
class Tally:
    """Count and sum of a histogram, over all its buckets."""

    count: int
    total: float


@dataclass(frozen=True, slots=True)
class RankTruth:
    """One engine of a page. What the page does not show has no entry, and `finished` is None.

    `values` holds gauges and counters by signal, `histograms` the tallies by signal. `worker` is Ray's WorkerId.
    """

    engine: str
    worker: str | None
    values: Mapping[str, float]
    finished: Mapping[str, int] | None
    histograms: Mapping[str, Tally]


@dataclass(frozen=True, slots=True)
class PageTruth:
    """One page. `model`, `prefix` and `start_time` are None where the page does not show them."""

    file: str
    version: str
    engine: str
    frontend: str
    variant: str
    stands_for: str
    registry: str
    prefix: str | None
    content_type: str
    name_filter: str
    model: str | None
    start_time: float | None
    rejected: Mapping[str, int] | None
    ranks: tuple[RankTruth, ...]

    @property
    def text(self) -> str:
        """The page."""
        return (WRITTEN / self.file).read_text(encoding="utf-8")


def _rank(entry: Mapping[str, Any]) -> RankTruth:
    own = {"engine", "worker", "requests_finished"}
    signals = {name: value for name, value in entry.items() if name not in own and value is not None}
    return RankTruth(
        engine=entry["engine"],
        worker=entry["worker"],
        values={name: value for name, value in signals.items() if not isinstance(value, dict)},
        finished=entry["requests_finished"],
        histograms={n: Tally(v["count"], v["sum"]) for n, v in signals.items() if isinstance(v, dict)},
    )


def _page(entry: Mapping[str, Any]) -> PageTruth:
    renamed = {"process_start_time": "start_time", "requests_rejected": "rejected"}
    fields = {renamed.get(name, name): value for name, value in entry.items()}
    return PageTruth(**{**fields, "ranks": tuple(_rank(rank) for rank in entry["ranks"])})


@lru_cache
def written_pages() -> tuple[PageTruth, ...]:
    """List every written page, in the manifest's order."""
    manifest = yaml.safe_load((WRITTEN / "manifest.yaml").read_text(encoding="utf-8"))
    return tuple(_page(entry) for entry in manifest["pages"])
