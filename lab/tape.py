"""What Prometheus scraped: one value per series and scrape, as promtool's unit tests take them.

A series that is not in its target's next scrape gets a staleness mark, as in Prometheus.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SCRAPE_SECONDS = 15

Series = tuple[str, tuple[tuple[str, str], ...]]
"""Name and labels."""


class Tape:
    """Scrapes in order: of each series the number of the scrape and the value of its samples."""

    def __init__(self) -> None:
        self.length = 0
        self._values: dict[Series, list[tuple[int, float]]] = {}

    def dump(self) -> dict[str, Any]:
        """The tape as JSON can hold it; bit-exact, as JSON has every digit of a number."""
        return {"length": self.length, "values": [[*key, values] for key, values in self._values.items()]}

    @classmethod
    def load(cls, content: dict[str, Any]) -> Tape:
        """A dumped tape."""
        tape = cls()
        tape.length = content["length"]
        for name, labels, values in content["values"]:
            tape._values[name, tuple((label, value) for label, value in labels)] = [(at, value) for at, value in values]
        return tape

    def begin(self) -> None:
        """Begin the next scrape of all targets."""
        self.length += 1

    def add(self, name: str, labels: Mapping[str, str], target: Mapping[str, str], value: float) -> None:
        """One sample of the present scrape; the target's labels win."""
        key = (name, tuple(sorted({**labels, **target}.items())))
        self._values.setdefault(key, []).append((self.length - 1, value))

    def samples(self) -> Iterator[tuple[str, list[tuple[int, float]]]]:
        """Every series as a selector, with the number of the scrape and the value of each of its samples."""
        return ((_selector(key), values) for key, values in sorted(self._values.items()))

    def input_series(self, names: frozenset[str]) -> list[dict[str, str]]:
        """The series of these names in promtool's notation, the first value one interval after the test's begin."""
        return [
            {"series": selector, "values": " ".join(("_", *_cells(values, self.length)))}
            for selector, values in self.samples()
            if selector.partition("{")[0] in names
        ]


def _selector(key: Series) -> str:
    name, labels = key
    return name + "{" + ",".join(f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in labels) + "}"


def _cells(values: list[tuple[int, float]], length: int) -> Iterable[str]:
    at = -1
    for index, value in values:
        if index > at + 1:
            yield "_" if at < 0 else "stale"
            yield from "_" * (index - at - 2)
        yield number(value)
        at = index
    if at + 1 < length:
        yield "stale"


def number(value: float) -> str:
    """A number in promtool's notation, exact."""
    text = repr(float(value))
    return {"inf": "Inf", "-inf": "-Inf", "nan": "NaN"}.get(text, text.removesuffix(".0"))
