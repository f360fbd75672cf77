"""Reads a fixture page, or a variation of one, through the real parser and adapter."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from forewarn.engines.vllm import VllmAdapter
from forewarn.layout import OPENMETRICS, PageParser
from tests.tools.pages.manifest import written_pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.engines.vllm import VllmBinding
    from forewarn.snapshot import RankSnapshot, Snapshot
    from tests.tools.pages.manifest import PageTruth

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN = OPENMETRICS + "; version=1.0.0; charset=utf-8"


def truth(stem: str) -> PageTruth:
    """The manifest's entry of the page `stem`."""
    (page,) = (page for page in written_pages() if page.file.rpartition(".")[0] == stem)
    return page


def read(text: str, content_type: str = TEXT, *, full: bool = True) -> tuple[VllmBinding, Snapshot]:
    """Binding and snapshot of a page."""
    page = PageParser().parse(text.encode(), content_type)
    binding = VllmAdapter().bind(page.layout)
    return binding, binding.read(page, full=full)


def only_rank(text: str) -> RankSnapshot:
    """The snapshot of a page with one rank."""
    ((_, rank),) = read(text)[1].ranks.items()
    return rank


@cache
def read_written(stem: str) -> tuple[VllmBinding, Snapshot]:
    """Binding and snapshot of a written page; each is read once."""
    page = truth(stem)
    return read(page.text, page.content_type)


@cache
def names_on(stem: str) -> frozenset[str]:
    """Sample names on a written page, without the engine's prefix."""
    page = truth(stem)
    layout = PageParser().parse(page.text.encode(), page.content_type).layout
    return frozenset(series.name.removeprefix(page.prefix or "") for series in layout.series)


def lines_where(text: str, keep: Callable[[str], bool]) -> str:
    """The page without the sample lines that `keep` refuses; comments stay."""
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith("#") or keep(line))
