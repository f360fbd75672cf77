"""Metrics pages read with the library's parser, so that the sidecar's own parser is not its own judge."""

from __future__ import annotations

import http.client
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Mapping

Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Page:
    """The samples of one page by name and labels, and which of them are cumulative."""

    samples: Mapping[Key, float]
    cumulative: frozenset[Key]

    def find(self, name: str, **labels: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return the samples called `name` that carry `labels`, by all their labels."""
        wanted = set(labels.items())
        return {own: value for (called, own), value in self.samples.items() if called == name and wanted <= own}

    def value(self, name: str, **labels: str) -> float | None:
        """Return the one sample called `name` with `labels`, or None when it is absent."""
        found = self.find(name, **labels)
        if len(found) > 1:
            raise ValueError(f"{len(found)} series called {name} with {labels}")
        return next(iter(found.values()), None)

    def number(self, name: str, **labels: str) -> float:
        """Return the one sample called `name` with `labels`. Raises LookupError when it is absent."""
        value = self.value(name, **labels)
        if value is None:
            raise LookupError(f"no series {name} with {labels}")
        return value

    def by(self, label: str, name: str) -> dict[str, float]:
        """Return the samples called `name` by the value of one label."""
        return {dict(own)[label]: value for own, value in self.find(name).items()}

    def buckets(self, name: str) -> dict[float, float]:
        """Return a histogram's cumulative counts by upper bound."""
        return {float(bound): count for bound, count in self.by("le", name + "_bucket").items()}

    def names(self) -> set[str]:
        """Return the names of all samples."""
        return {name for name, _ in self.samples}


def above(buckets: Mapping[float, float], edge: float) -> float:
    """Return how many observations lie above `edge`, which must be a bucket's bound."""
    return buckets[math.inf] - buckets[edge]


def read_page(text: str) -> Page:
    """Parse an exposition page. Raises ValueError when it is not one."""
    samples, cumulative = {}, set()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            samples[key] = sample.value
            if family.type in {"counter", "histogram"} and not sample.name.endswith("_created"):
                cumulative.add(key)
    return Page(samples, frozenset(cumulative))


def fetch(url: str, timeout: float = 5.0) -> tuple[int, str]:
    """Return the status and the body of a GET. Raises OSError when nothing answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8")
    finally:
        connection.close()


def fetch_page(url: str) -> Page:
    """Return the parsed page at `url`, which must answer 200."""
    status, text = fetch(url)
    if status != http.HTTPStatus.OK:
        raise OSError(f"{url} answered {status}")
    return read_page(text)
