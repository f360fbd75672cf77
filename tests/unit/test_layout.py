"""The layout-cache parser reads every page exactly as prometheus_client does, or refuses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from forewarn.errors import PageError
from forewarn.layout import CHECK_EVERY, PageParser
from tests.tools.goldens import PAGES, fixture_pages
from tests.tools.page_mutations import OPEN, SMALL, SMALL_OPEN, TEXT, mutated, oracle, read, rows

if TYPE_CHECKING:
    from pathlib import Path

each_page = pytest.mark.parametrize("path", fixture_pages(), ids=lambda path: path.name)
fuzz = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _type_of(path: Path) -> str:
    return OPEN if path.suffix == ".om" else TEXT


def assert_as_the_library(original: bytes, bodies: list[bytes], content_type: str) -> None:
    """Fresh, warmed by the original and one after the other, each page reads as the library reads it."""
    in_sequence = PageParser()
    for body in bodies:
        expected = oracle(body, content_type)
        warmed = PageParser()
        warmed.parse(original, content_type)
        assert read(PageParser(), body, content_type) == expected
        assert read(warmed, body, content_type) == expected
        assert read(in_sequence, body, content_type) == expected


@each_page
def test_every_fixture_page_reads_as_the_library_reads_it(path: Path) -> None:
    """Names, labels, types and values are the library's, the first time and again."""
    body, parser = path.read_bytes(), PageParser()
    expected = oracle(body, _type_of(path))
    assert expected
    assert rows(parser.parse(body, _type_of(path))) == expected
    assert rows(parser.parse(body, _type_of(path))) == expected


@each_page
def test_only_numbers_changing_costs_no_rebuild_and_keeps_the_layout(path: Path) -> None:
    """Every text page takes the short way, with the values of the new page."""
    body, parser = path.read_bytes(), PageParser()
    lines = body.split(b"\n")
    changed = b"\n".join(
        line if not line or line.startswith(b"#") else line.rpartition(b" ")[0] + b" %d.5" % n
        for n, line in enumerate(lines)
    )
    first = parser.parse(body, TEXT)
    second = parser.parse(changed, TEXT)
    assert second.layout is first.layout
    assert rows(second) == oracle(changed, TEXT)
    assert rows(parser.parse(body, TEXT)) == rows(first)
    assert parser.rebuilds == 1


@fuzz
@given(st.lists(mutated(SMALL), min_size=1, max_size=4))
@example([SMALL.replace(b" 3.0\n", b" 1_000\n")])
@example([SMALL, SMALL.replace(b" 3.0\n", b" " + b"9" * 400 + b"\n")])
@example([SMALL.replace(b" 3.0\n", b" 1 " + b"9" * 400 + b"\n")])
def test_mutated_text_pages_read_as_the_library_reads_them(bodies: list[bytes]) -> None:
    """No sequence of changed pages makes the shortcut differ from the library, refusals included."""
    assert_as_the_library(SMALL, bodies, TEXT)


@fuzz
@given(st.lists(mutated(SMALL_OPEN), min_size=1, max_size=4))
@example([SMALL_OPEN.replace(b" 12\n", b" -1\n")])
@example([SMALL_OPEN.replace(b'le="1.0"} 2', b'le="1.0"} 5')])
def test_mutated_openmetrics_pages_read_as_the_library_reads_them(bodies: list[bytes]) -> None:
    """OpenMetrics has rules between values, and a page that breaks one is refused however small the change."""
    assert_as_the_library(SMALL_OPEN, bodies, OPEN)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mutated_real_pages_read_as_the_library_reads_them(data: st.DataObject) -> None:
    """The same on a page of vLLM."""
    original = (PAGES / "written" / "0.6.3-v0.prom").read_bytes()
    assert_as_the_library(original, [data.draw(mutated(original))], TEXT)


def test_a_page_cut_anywhere_reads_as_the_library_reads_it() -> None:
    """Truncation at any byte is read or refused as the library does, warm or cold."""
    assert_as_the_library(SMALL, [SMALL[:end] for end in range(len(SMALL))], TEXT)
    assert_as_the_library(SMALL_OPEN, [SMALL_OPEN[:end] for end in range(len(SMALL_OPEN))], OPEN)


@fuzz
@given(st.binary(max_size=200), st.sampled_from([TEXT, OPEN]))
def test_arbitrary_bytes_raise_nothing_but_page_error(body: bytes, content_type: str) -> None:
    """Garbage is a PageError or a page, never another exception."""
    assert_as_the_library(SMALL if content_type == TEXT else SMALL_OPEN, [body], content_type)


def test_the_same_bytes_under_another_content_type_are_parsed_anew() -> None:
    """A text page that comes back labelled OpenMetrics is judged by OpenMetrics' rules."""
    parser = PageParser()
    parser.parse(SMALL, TEXT)
    with pytest.raises(PageError, match="not Prometheus text"):
        parser.parse(SMALL, OPEN)


def test_a_refused_page_leaves_nothing_behind() -> None:
    """After garbage the next good page is read whole."""
    parser = PageParser()
    first = parser.parse(SMALL, TEXT)
    with pytest.raises(PageError):
        parser.parse(SMALL.replace(b"bare 7", b"bare {"), TEXT)
    assert rows(parser.parse(SMALL, TEXT)) == rows(first)


def test_pages_with_carriage_returns_keep_their_layout_without_the_shortcut() -> None:
    """CRLF takes the library's way each time, and readers still see one layout."""
    parser, body = PageParser(), SMALL.replace(b"\n", b"\r\n")
    assert parser.parse(body, TEXT).layout is parser.parse(body, TEXT).layout
    assert parser.rebuilds == 2


def test_bytes_that_are_no_utf_8_say_where() -> None:
    """The error names the first bad byte and its kind is bounded."""
    with pytest.raises(PageError, match="not UTF-8 at byte 2") as caught:
        PageParser().parse(b"a\n\xff 1\n", TEXT)
    assert caught.value.kind == "encoding"


def test_a_parse_error_is_one_line() -> None:
    """What the library says is quoted in one line of bounded length."""
    with pytest.raises(PageError) as caught:
        PageParser().parse(b'a{b="' + b"x" * 500 + b"} 1\n", TEXT)
    assert caught.value.kind == "parse"
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def renumbered(body: bytes, number: int) -> bytes:
    """The page with every sample line's value changed."""
    return b"\n".join(
        line if not line or line.startswith(b"#") else line.rpartition(b" ")[0] + b" %d.%d" % (number, n)
        for n, line in enumerate(body.split(b"\n"))
    )


def comments(body: bytes) -> int:
    """Number of comment lines."""
    return sum(line.startswith(b"#") for line in body.split(b"\n"))


def watching(body: bytes, slots: set[int]) -> PageParser:
    """A parser that read the page and watches some of it."""
    parser = PageParser()
    parser.parse(body, TEXT)
    parser.watch(slots)
    return parser


@fuzz
@given(st.sets(st.integers(0, 8), min_size=1), mutated(SMALL))
def test_a_mutation_of_a_watched_line_is_seen_at_once(slots: set[int], body: bytes) -> None:
    """A page that the library reads gives watched series the library's values, or is laid out anew.

    Save where a line that nobody watches became a comment, which may retype its neighbours: that waits for the check.
    """
    parser, expected = watching(SMALL, slots), oracle(body, TEXT)
    before = parser.parse(SMALL, TEXT).layout
    found = read(parser, body, TEXT)
    if found is None:
        assert expected is None
    elif expected is not None and parser.parse(body, TEXT).layout is not before:
        assert found == expected
    elif expected is not None and comments(body) == comments(SMALL):
        by_series = {row[:2]: row[3] for row in expected}
        assert all(found[slot][3] == by_series[found[slot][:2]] for slot in slots)


@pytest.mark.parametrize(
    "body",
    [
        SMALL.replace(b"stray 1", b"other 1"),
        SMALL.replace(b"stray 1", b"stray x"),
        SMALL.replace(b"# TYPE bare counter", b"# TYPE bare gauge"),
        SMALL.replace(b"bare 7", b"bare 7 1700000000"),
    ],
    ids=["name", "garbage", "type", "timestamp"],
)
def test_a_change_that_nobody_watches_is_seen_at_the_next_check(body: bytes) -> None:
    """Lines outside the watched ones are read as the library reads them once in CHECK_EVERY pages."""
    parser = watching(SMALL, {0, 1})
    seen = [read(parser, body, TEXT) for _ in range(CHECK_EVERY + 1)]
    assert seen[-1] == oracle(body, TEXT)
    assert parser.rebuilds == 2


def test_a_layout_that_came_back_keeps_its_watch() -> None:
    """A page that was refused in between does not make the parser forget what is watched."""
    parser = watching(SMALL, {0})
    with pytest.raises(PageError):
        parser.parse(b"{", TEXT)
    parser.parse(SMALL, TEXT)
    page, expected = rows(parser.parse(renumbered(SMALL, 4), TEXT)), oracle(renumbered(SMALL, 4), TEXT)
    assert expected
    assert (page[0], page[1] == expected[1]) == (expected[0], False)
