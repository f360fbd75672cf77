"""A parser that watches some lines keeps those exact, and finds a change of the others in bounded time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forewarn.engines.vllm import VllmAdapter
from forewarn.errors import PageError
from forewarn.layout import CHECK_EVERY, PageParser
from tests.tools.goldens import fixture_pages

if TYPE_CHECKING:
    from pathlib import Path

PAGE = b"# TYPE a gauge\na 1.0\n# TYPE b gauge\nb 2.0\n# TYPE c gauge\nc 3.0\n"


def watching(*slots: int) -> PageParser:
    """A parser that has read PAGE and watches `slots`."""
    parser = PageParser()
    parser.parse(PAGE)
    parser.watch(slots)
    return parser


def test_watched_lines_are_read_at_every_page() -> None:
    """A watched value follows the page, also back to an earlier value, without the library."""
    parser = watching(1)
    for value in (5.0, 2.0, 7.5):
        page = parser.parse(PAGE.replace(b"b 2.0", b"b %r" % value))
        assert page.values[1] == value
    assert parser.rebuilds == 1


def test_other_lines_are_read_within_a_bounded_number_of_pages() -> None:
    """A line that nobody watches keeps its value until the next check, and has the page's value after it."""
    parser, changed = watching(1), PAGE.replace(b"c 3.0", b"c 4.0")
    seen = [parser.parse(changed).values[2] for _ in range(CHECK_EVERY + 1)]
    assert seen == [3.0] * CHECK_EVERY + [4.0]


def test_a_watched_line_that_is_no_number_sends_the_page_to_the_library() -> None:
    """Garbage on a watched line is refused at once."""
    parser = watching(1)
    with pytest.raises(PageError):
        parser.parse(PAGE.replace(b"b 2.0", b"b x"))


@pytest.mark.parametrize(
    "changed",
    [PAGE.replace(b"b 2.0", b"d 2.0"), PAGE + b"d 4.0\n", PAGE.replace(b"c 3.0\n", b"")],
    ids=["renamed", "added", "removed"],
)
def test_another_shape_is_a_new_layout_watched_as_a_whole(changed: bytes) -> None:
    """A renamed watched line, an added and a removed line each give a new layout, every line of it up to date."""
    parser = watching(1)
    old = parser.parse(PAGE).layout
    page = parser.parse(changed)
    assert page.layout is not old
    again = parser.parse(changed.replace(b"a 1.0", b"a 9.0"))
    assert again.values[0] == 9.0


def test_a_renamed_line_nobody_watches_is_found_by_the_check() -> None:
    """Where a line keeps its place but not its name, the next check gives a new layout."""
    parser = watching(1)
    old, changed = parser.parse(PAGE).layout, PAGE.replace(b"c 3.0", b"d 3.0")
    layouts = [parser.parse(changed).layout for _ in range(CHECK_EVERY + 1)]
    assert layouts[0] is old
    assert layouts[-1] is not old


@pytest.mark.parametrize("path", fixture_pages(), ids=lambda path: path.name)
def test_a_binding_reads_the_same_with_only_its_slots_watched(path: Path) -> None:
    """On every fixture page the adapter's slots are all that its readings depend on."""
    body = path.read_bytes()
    content_type = "application/openmetrics-text" if path.suffix == ".om" else "text/plain"
    parser = PageParser()
    binding = VllmAdapter().bind(parser.parse(body, content_type).layout)
    parser.watch(binding.slots)
    # Every digit moves, so that a slot which is read and not watched would show.
    moved = body.replace(b".0\n", b".25\n")
    watched, whole = parser.parse(moved, content_type), PageParser().parse(moved, content_type)
    assert binding.read(watched, full=True) == binding.read(whole, full=True)
