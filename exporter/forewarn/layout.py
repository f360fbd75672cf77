"""Turn an exposition page into samples, fast when its shape has not changed.

vLLM's page keeps its line order, so between two polls only numbers differ. The first page is read by
`prometheus_client`'s own parser, which also decides what is valid; from then on a page is split by line and only
the lines that somebody watches are read, each with one `float()`. Any difference that is not a number at the end
of a known line sends the page back to the library. Pages the shortcut could misread (timestamps, CRLF) always take the
library's path, and so does OpenMetrics, whose rules tie values to each other (cumulative buckets, no negative
counts).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import compress, islice
from operator import eq, itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from forewarn.errors import PageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from prometheus_client import Metric

Item = TypeVar("Item")

OPENMETRICS = "application/openmetrics-text"

MAX_LINES = 30_000
"""Lines of the largest page that is read: seventy ranks of vLLM. Reading one takes 2 KiB of memory a line."""

CHECK_EVERY = 30
"""Pages between two checks of the lines that nobody watches: a minute at the default interval."""


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


@dataclass(frozen=True, slots=True)
class _Lines:
    """Some of a page's sample lines: where they are, how each begins, and where its number goes."""

    places: Sequence[int]
    heads: Sequence[bytes]
    slots: Sequence[int]
    pick: Callable[[list[bytes]], tuple[bytes, ...]]

    def read(self, lines: list[bytes], values: list[float]) -> list[float] | None:
        """`values` with those of these lines; None if one is anything but a number after its known beginning."""
        # Loops in C throughout: this runs for hundreds of lines at every poll.
        found = self.pick(lines)
        tokens = list(map(bytes.removeprefix, found, self.heads))
        # A line without its head stays as it is. `_` is a digit separator to Python alone.
        if any(map(eq, tokens, found)) or b"_" in b"".join(tokens):
            return None
        values = values.copy()
        try:
            for slot, value in zip(self.slots, map(float, tokens), strict=True):
                values[slot] = value
        except ValueError:
            return None
        return values

    def chosen(self, slots: Collection[int]) -> _Lines:
        """Those of these lines whose numbers go to `slots`."""
        kept = [slot in slots for slot in self.slots]
        places, heads, own = compress(self.places, kept), compress(self.heads, kept), compress(self.slots, kept)
        return _lines(list(places), list(heads), list(own))


def _lines(places: Sequence[int], heads: Sequence[bytes], slots: Sequence[int]) -> _Lines:
    return _Lines(places, heads, slots, picker(places))


def picker(places: Sequence[int]) -> Callable[[Sequence[Item]], tuple[Item, ...]]:
    """Picks the items at `places`, in C where there are two or more."""
    if len(places) > 1:  # from two items on itemgetter gives a tuple
        return itemgetter(*places)
    return lambda items: tuple(items[place] for place in places)


@dataclass(frozen=True, slots=True)
class _Known:
    """A page that was read once: its sample lines, those that are watched, and all the others word for word."""

    samples: _Lines
    watched: _Lines
    length: int
    pick_others: Callable[[list[bytes]], tuple[bytes, ...]]
    others: tuple[bytes, ...]

    def read(self, lines: list[bytes], values: list[float], *, whole: bool) -> list[float] | None:
        """Values of a page that differs only in numbers, None otherwise. Unless `whole`, only the watched lines.

        Comments are compared every time: they give the samples their type.
        """
        if len(lines) != self.length or self.pick_others(lines) != self.others:
            return None
        return (self.samples if whole else self.watched).read(lines, values)

    def watching(self, slots: Collection[int]) -> _Known:
        """The same page with other lines watched."""
        return replace(self, watched=self.samples.chosen(slots))


class PageParser:
    """Parses the successive pages of one endpoint.

    Not thread-safe; keep one per endpoint and form (the whole page, the filtered page).
    """

    def __init__(self) -> None:
        self._layout = Layout(())
        self._known: _Known | None = None
        self._watched: Collection[int] | None = None
        self._unchecked = 0
        self._values: list[float] = []
        self.rebuilds = 0

    def parse(self, body: bytes, content_type: str = "text/plain") -> Page:
        """Return the samples of `body`.

        Raises PageError when the library's parser rejects the page, or when it has more than MAX_LINES.
        """
        openmetrics = content_type.startswith(OPENMETRICS)
        if self._known is not None and not openmetrics:
            whole = self._watched is None or self._unchecked >= CHECK_EVERY
            values = self._known.read(_split(body, self._known.length + 1), self._values, whole=whole)
            if values is not None:
                self._unchecked = 0 if whole else self._unchecked + 1
                self._values = values
                return Page(self._layout, values)
        if (count := body.count(b"\n")) > MAX_LINES:
            raise PageError("too_large", f"page has {count} lines, at most {MAX_LINES} are read")
        return self._rebuild(body, openmetrics=openmetrics)

    def watch(self, slots: Collection[int]) -> None:
        """Keep only these slots of the present layout up to date, which is what makes a large page cheap.

        The other lines are counted at every page, and checked and read at every CHECK_EVERY-th. A new layout is
        watched as a whole until told otherwise.
        """
        self._watched = slots
        if self._known is not None:
            self._known = self._known.watching(slots)

    def _rebuild(self, body: bytes, *, openmetrics: bool) -> Page:
        self.rebuilds += 1
        self._known = None
        samples = _library_samples(body, openmetrics=openmetrics)
        series = tuple(series for series, _, _ in samples)
        # Same series as before (a page that takes the library's path every time): keep the identity.
        if series != self._layout.series:
            self._layout, self._watched = Layout(series), None
        self._values = [value for _, value, _ in samples]
        if not openmetrics:
            known = _understand(body, samples)
            self._known = known.watching(self._watched) if known and self._watched is not None else known
            self._unchecked = 0
        return Page(self._layout, self._values)


def _split(body: bytes, most: int) -> list[bytes]:
    """At most so many lines of a page, each with its end. Half the time of `bytes.split`, which looks byte by byte."""
    return list(islice(BytesIO(body), most))


def _understand(body: bytes, samples: list[tuple[Series, float, bool]]) -> _Known | None:
    """How to read such a page again, if the shortcut would read every line as the library did."""
    if b"\r" in body or any(not plain for _, _, plain in samples):
        return None
    lines = _split(body, MAX_LINES + 1)
    heads = [_head(line) for line in lines]
    found = [(place, head) for place, head in enumerate(heads) if head is not None]
    others = [place for place, head in enumerate(heads) if head is None]
    if any(lines[place].strip() and not lines[place].startswith(b"#") for place in others):
        return None
    if len(found) != len(samples):
        return None
    pairs = zip(found, samples, strict=True)
    if not all(_same(lines[place][len(head) :], value) for (place, head), (_, value, _) in pairs):
        return None
    all_lines = _lines([place for place, _ in found], [head for _, head in found], range(len(found)))
    pick_others = picker(others)
    return _Known(all_lines, all_lines, len(lines), pick_others, pick_others(lines))


def _head(line: bytes) -> bytes | None:
    """Name and labels of a plain sample line with the space after them; None for any other line."""
    if line.startswith((b"#", b"\n")):
        return None
    cut = line.rfind(b" ") + 1
    head = line[: cut - 1] if cut else b""
    if head and (head.endswith(b"}") or (b" " not in head and b"{" not in head)):
        return line[:cut]
    return None


def _number(token: bytes) -> float:
    """The number as the library reads it; ValueError for what only Python takes for one."""
    if b"_" in token:
        raise ValueError
    return float(token)


def _same(token: bytes, value: float) -> bool:
    try:
        number = _number(token)
    except ValueError:
        return False
    return number == value or (number != number and value != value)  # noqa: PLR0124  NaN is the only such number


def _library_samples(body: bytes, *, openmetrics: bool) -> list[tuple[Series, float, bool]]:
    """(series, value, has no timestamp) for each sample, as the library reads them."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PageError("encoding", f"page is not UTF-8 at byte {error.start}") from None
    parse = parse_openmetrics if openmetrics else parse_text
    try:
        return list(_flatten(parse(text)))
    except MemoryError:
        raise  # no fault of the page's
    except Exception as error:  # noqa: BLE001  the library signals a malformed page with whatever it trips over
        raise PageError("parse", f"page is not Prometheus text: {_one_line(error)}") from None


def _flatten(families: Iterable[Metric]) -> Iterable[tuple[Series, float, bool]]:
    for family in families:
        for sample in family.samples:
            if sample.value is None:
                continue  # a native histogram has no single value
            series = Series(sample.name, tuple(sample.labels.items()), family.type)
            yield series, _as_float(sample.value), sample.timestamp is None


def _as_float(value: float) -> float:
    """The library gives whole numbers as int, however long."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
