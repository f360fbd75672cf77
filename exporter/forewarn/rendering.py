"""The page as text. What has not changed since the last page is not spelled again."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from prometheus_client import Metric as Family

_END = b"# EOF\n"
_MOST_KINDS = 4
"""Forms of the page that are remembered; clients name them, so that there may be many."""


class Rendering:
    """Spells the parts of a page. A part that is the same object as before has the same text."""

    def __init__(self, parts: Callable[[], Sequence[Sequence[Family]]]) -> None:
        self._parts = parts
        self._texts: OrderedDict[str, dict[int, tuple[Sequence[Family], bytes]]] = OrderedDict()

    def page(self, accept: str) -> tuple[bytes, str]:
        """The page and its type, as an Accept header asks for it."""
        encode, kind = _encoder(accept)
        known = self._texts.get(kind, {})
        # The part itself is kept beside its text, so that its id is nobody else's.
        texts = {id(part): known.get(id(part)) or (part, _spell(encode, part)) for part in self._parts()}
        self._texts[kind] = texts
        while len(self._texts) > _MOST_KINDS:
            self._texts.popitem(last=False)
        end = _END if kind.startswith("application/openmetrics-text") else b""
        return b"".join(text for _, text in texts.values()) + end, kind


class _Part(Collector):
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _spell(encode: Callable[[Collector], bytes], part: Sequence[Family]) -> bytes:
    return encode(_Part(part)).removesuffix(_END)


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        return choose_encoder(accept)
    except (ValueError, TypeError):  # a version that is no number
        return choose_encoder("")
