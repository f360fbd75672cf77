"""Turn an exposition page into samples, fast when its shape has not changed.

vLLM's page keeps its line order, so between two polls only numbers differ. The first page is read by
`prometheus_client`'s own parser, which also decides what is valid; from then on a page is split by line and only
the lines that differ are read, each with one `float()`. Any difference that is not a number at the end of a known
line sends the page back to the library. Pages the shortcut could misread (timestamps, exemplars, CRLF) always
take the library's path.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from forewarn.errors import PageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client import Metric

OPENMETRICS = "application/openmetrics-text"


class Series(NamedTuple):
    """The identity of one line: sample name, labels in page order, and its family's declared type."""

    name: str
    labels: tuple[tuple[str, str], ...]
    type: str


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The shape of a page: its series in page order. Compared by identity, so that readers can cache on it."""

    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: a layout and the value of each of its series, in the same order."""

    layout: Layout
    values: Sequence[float]


class PageParser:
    """Parses the successive pages of one endpoint.

    Not thread-safe; keep one per endpoint and form (the whole page, the filtered page).
    """

    def __init__(self) -> None:
        self._layout = Layout(())
        self._lines: list[bytes] = []
        self._heads: list[bytes | None] = []
        self._lengths: list[int] = []
        self._slots: list[int] = []
        self._values: list[float] = []
        self.rebuilds = 0

    def parse(self, body: bytes, content_type: str = "text/plain") -> Page:
        """Return the samples of `body`.

        Raises PageError when the library's parser rejects the page.
        """
        lines = body.split(b"\n")
        if len(lines) == len(self._lines):
            values = self._changed_values(lines)
            if values is not None:
                self._lines = lines
                self._values = values
                return Page(self._layout, values)
        return self._rebuild(body, lines, content_type)

    def _changed_values(self, lines: list[bytes]) -> list[float] | None:
        """Values after re-reading the changed lines, or None if anything but a number changed."""
        heads, lengths, slots = self._heads, self._lengths, self._slots
        values = self._values.copy()
        try:
            for i in compress(range(len(lines)), map(ne, lines, self._lines)):
                line = lines[i]
                length = lengths[i]
                if line[:length] != heads[i]:
                    return None
                values[slots[i]] = float(line[length:])
        except ValueError:
            return None
        return values

    def _rebuild(self, body: bytes, lines: list[bytes], content_type: str) -> Page:
        self.rebuilds += 1
        self._lines = []
        samples = _library_samples(body, content_type)
        series = tuple(series for series, _, _ in samples)
        # Same series as before (a page that takes the library's path every time): keep the identity.
        if series != self._layout.series:
            self._layout = Layout(series)
        values = [value for _, value, _ in samples]
        self._remember(body, lines, samples)
        return Page(self._layout, values)

    def _remember(self, body: bytes, lines: list[bytes], samples: list[tuple[Series, float, bool]]) -> None:
        """Store heads of the page's sample lines, if the shortcut would read every one as the library did."""
        if b"\r" in body or any(not plain for _, _, plain in samples):
            return
        heads: list[bytes | None] = []
        slots: list[int] = []
        values = [value for _, value, _ in samples]
        slot = 0
        for line in lines:
            head = _head(line)
            heads.append(head)
            slots.append(slot)
            if head is not None:
                if slot >= len(samples) or not _same(line[len(head) :], values[slot]):
                    return
                slot += 1
            elif line and not line.startswith(b"#"):
                return
        if slot == len(samples):
            self._lines, self._heads, self._slots, self._values = lines, heads, slots, values
            self._lengths = [len(head) if head is not None else 0 for head in heads]


def _head(line: bytes) -> bytes | None:
    """Name and labels of a plain sample line with the space after them; None for any other line."""
    if not line or line.startswith(b"#"):
        return None
    cut = line.rfind(b" ") + 1
    head = line[: cut - 1] if cut else b""
    if head and (head.endswith(b"}") or (b" " not in head and b"{" not in head)):
        return line[:cut]
    return None


def _same(token: bytes, value: float) -> bool:
    try:
        number = float(token)
    except ValueError:
        return False
    return number == value or (number != number and value != value)  # noqa: PLR0124  NaN is the only such number


def _library_samples(body: bytes, content_type: str) -> list[tuple[Series, float, bool]]:
    """(series, value, has neither timestamp nor exemplar) for each sample, as the library reads them."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PageError("encoding", f"page is not UTF-8 at byte {error.start}") from None
    parse = parse_openmetrics if content_type.startswith(OPENMETRICS) else parse_text
    try:
        return list(_flatten(parse(text)))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        # The library signals a malformed page with whichever of these its state machine meets first.
        raise PageError("parse", f"page is not Prometheus text: {_one_line(error)}") from None


def _flatten(families: Iterable[Metric]) -> Iterable[tuple[Series, float, bool]]:
    for family in families:
        for sample in family.samples:
            series = Series(sample.name, tuple(sample.labels.items()), family.type)
            yield series, sample.value, sample.timestamp is None and sample.exemplar is None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
