"""What a measurement hands over to the report."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `within` is None where there is no bar or nothing was measured."""

    what: str
    measured: str
    bar: str = ""
    within: bool | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """A value measured once a round: median, least and greatest."""

    median: float
    least: float
    greatest: float

    def text(self, digits: int, unit: str = "") -> str:
        """The median with its range."""
        return f"{self.median:.{digits}f}{unit} ({self.least:.{digits}f} to {self.greatest:.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    """The spread of one value a round."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(ones: Sequence[float], others: Sequence[float]) -> Spread:
    """The spread of the ratio taken within each round, so that a round's noise hits both sides."""
    return spread([one / other for one, other in zip(ones, others, strict=True)])
