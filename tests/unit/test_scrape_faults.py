"""Whatever a server sends is a whole page or a FetchError of the right kind, in bounded memory."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.tools.fetching import LIMIT, PAGE, failure, fetcher, raw_failure
from tests.tools.page_server import Fault, Flood, Status, WrongLength
from tests.tools.raw_server import RawServer, Reply, ok

if TYPE_CHECKING:
    from tests.tools.page_server import PageServer

CHUNKED = ok(b"", "Transfer-Encoding: chunked", length=False)


@pytest.mark.parametrize("mode", [Fault.CUT, WrongLength(10)], ids=["cut", "length too long"])
def test_a_page_shorter_than_announced_is_truncated(engine: PageServer, mode: Fault | WrongLength) -> None:
    """Fewer bytes than announced are never taken for a page."""
    engine.fail(mode)
    error = failure(engine.url)
    assert error.kind == "truncated"
    assert f"of {len(PAGE) + (10 if isinstance(mode, WrongLength) else 0)} bytes" in str(error)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (CHUNKED + b"5\r\na 1.0", "truncated"),
        (CHUNKED + b"6\r\na 1.0\n\r\n", "truncated"),
        (CHUNKED + b"6\r\na 1.0\n\r\n0\r\n", "truncated"),
        (CHUNKED + b"zz\r\n", "protocol"),
        (CHUNKED + b"-5\r\na 1.0\n\r\n0\r\n\r\n", "protocol"),
        (CHUNKED + b"0x6\r\na 1.0\n\r\n0\r\n\r\n", "protocol"),
        (CHUNKED + b"\r\n", "protocol"),
        (CHUNKED + b"3\r\na 1.0\n\r\n0\r\n\r\n", "protocol"),
        (CHUNKED + b"x" * 200_000, "protocol"),
        (CHUNKED + b"FFFFFFFFFFFF\r\n", "too_large"),
        (ok(PAGE[:-3], length=False), "truncated"),
        (ok(b"", length=False), "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "truncated"),
        (ok(PAGE, "Content-Length: many", length=False), "protocol"),
        (ok(PAGE, "Content-Length: -3", length=False), "protocol"),
        (ok(PAGE, "Content-Length: " + "9" * 5000, length=False), "protocol"),
        (ok(PAGE, f"Content-Length: {LIMIT + 1}", length=False), "too_large"),
        (ok(PAGE, "Transfer-Encoding: gzip, chunked", length=False), "protocol"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol"),
        (b"HTTP/2 200\r\n\r\n", "protocol"),
        (b"HTTP/1.1 twohundred OK\r\n\r\n", "protocol"),
        (b"HTTP/1.1 " + b"9" * 5000 + b" OK\r\n\r\n", "protocol"),
        (b"HTTP/1.1\r\n\r\n", "protocol"),
        (b"\r\n\r\n", "protocol"),
        (b"a 1.0\n" * 20_000, "protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000_000, "protocol"),
        (ok(gzip.compress(PAGE)[:-4], "Content-Encoding: gzip"), "truncated"),
        (ok(gzip.compress(PAGE) + gzip.compress(PAGE), "Content-Encoding: gzip"), "truncated"),
        (ok(PAGE, "Content-Encoding: gzip"), "not_text"),
        (ok(PAGE, "Content-Encoding: br"), "not_text"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[-24:]),
)
def test_a_malformed_answer_has_its_kind(data: bytes, kind: str) -> None:
    """Each way in which an answer can be broken is one error of the right kind."""
    assert raw_failure(Reply(data, then="close")).kind == kind


@pytest.mark.parametrize("code", [204, 304, 400, 404, 500, 503])
def test_a_status_other_than_200_is_named(engine: PageServer, code: int) -> None:
    """The line says which status came from which path, without the query."""
    engine.fail(Status(code))
    error = failure(engine.url, path="/metrics?name[]=a")
    assert (error.kind, str(error)) == ("http_status", f"HTTP status {code} from /metrics, expected 200")


def test_an_error_s_body_does_not_matter() -> None:
    """A status is reported as such even if its body is endless, cut off or without a length."""
    for data in (b"HTTP/1.0 404 Not Found\r\n\r\nno", b"HTTP/1.1 500 E\r\nContent-Length: 99999999999\r\n\r\nno"):
        error = raw_failure(Reply(data, then="hang"), timeout=5.0)
        assert error.kind == "http_status"


def test_html_is_handed_on_for_the_caller_to_judge(engine: PageServer) -> None:
    """The fetcher judges HTTP, not text; the content type goes along."""
    engine.fail(Fault.HTML)
    with closing(fetcher(engine.url)) as client:
        answer = client.get("/metrics")
    assert answer.content_type == "text/html"
    assert answer.body.startswith(b"<!doctype html>")


@pytest.mark.parametrize("fault", [Fault.GZIP, Fault.CHUNKED])
def test_other_ways_to_send_a_page_are_understood(engine: PageServer, fault: Fault) -> None:
    """Gzip that was not asked for and chunks give the same page, on a kept connection."""
    engine.page = PAGE.decode() * 5000
    engine.fail(fault)
    with closing(fetcher(engine.url)) as client:
        assert [client.get("/metrics").body == PAGE * 5000 for _ in range(3)] == [True] * 3
    assert engine.connections == 1


@pytest.mark.parametrize(
    "data", [ok(PAGE) + b"junk", CHUNKED + b"%x\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(PAGE), PAGE)]
)
def test_bytes_past_the_end_do_not_reach_the_next_answer(data: bytes) -> None:
    """What follows a page on its connection is dropped with the connection."""
    with RawServer(data, ok(b"next 1\n")) as server, closing(fetcher(server.url)) as client:
        assert client.get("/metrics").body == PAGE
        assert client.get("/metrics").body == b"next 1\n"


def test_a_flood_is_cut_at_the_limit(engine: PageServer) -> None:
    """A hundred megabytes and an endless page are refused without being held in memory."""
    for flood in (Flood(100_000_000), Flood()):
        engine.fail(flood)
        assert _peak(engine.url) < 6 * LIMIT


def test_a_page_without_a_length_is_cut_at_the_limit() -> None:
    """Without Content-Length the limit holds as well."""
    with RawServer(Reply(itertools.chain([ok(b"", length=False)], itertools.repeat(b"x" * 65536)))) as server:
        assert _peak(server.url) < 6 * LIMIT


def test_a_gzip_bomb_is_cut_at_the_limit() -> None:
    """A hundred kilobytes that unfold to a hundred megabytes never do."""
    bomb = ok(gzip.compress(bytes(100_000_000), 9), "Content-Encoding: gzip")
    with RawServer(bomb) as server:
        assert _peak(server.url) < 6 * LIMIT


def _peak(url: str) -> int:
    """Most memory in use during a GET that is refused as too large."""
    tracemalloc.start()
    try:
        error = failure(url)
        assert (error.kind, str(error)) == ("too_large", f"page is larger than {LIMIT} bytes")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_reset_in_the_middle_of_an_answer_is_an_error() -> None:
    """A connection that is reset before the announced end gives no page."""
    cut = ok(PAGE, "Content-Length: 1000", length=False)
    assert raw_failure(Reply(cut, then="reset")).kind in {"network", "truncated"}
