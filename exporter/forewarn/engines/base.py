"""What an engine adapter is, and how a row of its name table reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from forewarn.layout import Layout, Page
    from forewarn.snapshot import SignalSource, Snapshot

Kind = Literal["gauge", "counter", "histogram"]
Combine = Literal["sum", "max"]


@dataclass(frozen=True, slots=True)
class Row:
    """One way to obtain one signal.

    `source` is the engine's name without its prefix, as exposed (counters with `_total`, histograms by base
    name). Of several rows for a signal the first whose series is on the page is used. `since` and `until` are
    the first and last release that show the series (None: from the oldest read, or still there); they document
    and drive the tests, the page alone decides. `combine` joins series of one rank that differ in labels the
    schema does not keep. `split` names the engine's label that survives as `reason`. Of a histogram with an
    `edge` only the observations up to this bucket are read, as a counter (`math.inf`: all of them). `estimate` says
    in words what the series stands in for; "" when it is the signal itself.
    """

    signal: str
    source: str
    kind: Kind
    since: str | None = None
    until: str | None = None
    combine: Combine = "sum"
    split: str | None = None
    edge: float | None = None
    estimate: str = ""
    note: str = ""


class Binding(Protocol):
    """A page layout understood once, read many times."""

    @property
    def sources(self) -> Mapping[str, SignalSource]:
        """Every canonical signal of the adapter, found or missing."""

    @property
    def fast_names(self) -> tuple[str, ...]:
        """Sample names, as on the page, of the gauges worth polling often."""

    @property
    def slots(self) -> Collection[int]:
        """The places of the layout that `read` looks at."""

    def read(self, page: Page, *, full: bool) -> Snapshot:
        """Canonical values of a page with the bound layout. NaN and infinite values are left out."""


class Adapter(Protocol):
    """Translates the pages of one engine kind."""

    def bind(self, layout: Layout) -> Binding:
        """Understand a layout. Unknown or odd series are reported in `sources`, never raised.

        Raises PageError for a page of more ranks than any engine has.
        """
