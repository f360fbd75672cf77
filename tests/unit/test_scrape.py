"""The fetcher keeps one connection, follows what belongs to its server, and ends in time."""

from __future__ import annotations

import itertools
import ssl
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forewarn.errors import FetchError
from tests.tools.fetching import FAMILY_B, PAGE, failure, fetcher, raw_failure
from tests.tools.page_server import Fault, Slow
from tests.tools.raw_server import RawServer, Reply, ok

if TYPE_CHECKING:
    from tests.tools.page_server import PageServer

CERTIFICATE = Path(__file__).resolve().parents[1] / "fixtures" / "tls" / "self_made.pem"


def test_a_page_comes_whole_with_its_type(engine: PageServer) -> None:
    """Body and lower-case content type are what the server sent."""
    engine.content_type = "Text/Plain; Version=0.0.4"
    with closing(fetcher(engine.url)) as client:
        answer = client.get("/metrics")
    assert (answer.body, answer.content_type) == (PAGE, "text/plain; version=0.0.4")


def test_one_connection_serves_every_poll(engine: PageServer) -> None:
    """The connection is kept between requests, filtered ones included."""
    with closing(fetcher(engine.url)) as client:
        for _ in range(3):
            assert client.get("/metrics").body == PAGE
            assert client.get("/metrics/?name[]=b").body == FAMILY_B
    assert engine.connections == 1


def test_the_request_asks_for_plain_text_uncompressed() -> None:
    """What is sent is one small request with the base path of the address."""
    with RawServer(ok(PAGE)) as server, closing(fetcher(server.url + "/engine/")) as client:
        client.get("/metrics")
        lines = server.heads[0].decode().split("\r\n")
    assert lines[0] == "GET /engine/metrics HTTP/1.1"
    assert f"Host: {server.authority}" in lines
    assert "Accept-Encoding: identity" in lines
    assert "Accept: text/plain;version=0.0.4" in lines


def test_a_closed_idle_connection_is_replaced_silently(engine: PageServer) -> None:
    """A server that drops idle connections costs no poll."""
    with closing(fetcher(engine.url)) as client:
        assert client.get("/metrics").body == PAGE
        engine.hang_up()
        assert client.get("/metrics").body == PAGE
    assert engine.connections == 2


def test_the_retry_is_one_and_only_for_a_kept_connection() -> None:
    """A server that closes every connection unanswered is asked once when new, twice when it was kept."""
    with RawServer(Reply(b"", then="close")) as server:
        assert failure(server.url).kind == "network"
        assert server.connections == 1
    with RawServer(ok(PAGE), Reply(b"", then="close")) as server, closing(fetcher(server.url)) as client:
        client.get("/metrics")
        with pytest.raises(FetchError, match="closed before any answer"):
            client.get("/metrics")
        assert server.connections == 2


def test_refused_then_back(engine: PageServer) -> None:
    """A refused connection says so, and the same fetcher works once the engine is back."""
    with closing(fetcher(engine.url)) as client:
        engine.fail(Fault.REFUSE)
        with pytest.raises(FetchError, match="connection refused") as caught:
            client.get("/metrics")
        assert caught.value.kind == "refused"
        engine.heal()
        assert client.get("/metrics").body == PAGE


@pytest.mark.parametrize("mode", [Slow(60.0), Fault.HALF_OPEN], ids=["slow", "half-open"])
def test_an_engine_that_does_not_answer_is_a_timeout(engine: PageServer, mode: Slow | Fault) -> None:
    """The wait ends at the timeout, which the line names."""
    engine.fail(mode)
    error = failure(engine.url, timeout=0.1)
    assert (error.kind, str(error)) == ("timeout", "no whole answer within 0.1 s")


def test_the_timeout_bounds_the_whole_answer() -> None:
    """A body that comes byte by byte ends at the timeout although no single wait is long."""
    drip = Reply(itertools.chain([ok(b"", "Content-Length: 100000", length=False)], itertools.repeat(b"x")), pause=0.01)
    assert raw_failure(drip, timeout=0.2).kind == "timeout"
    slow_head = Reply(itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"a: b\r\n")), pause=0.01)
    assert raw_failure(slow_head, timeout=0.2).kind == "timeout"


def test_each_answer_over_a_kept_connection_has_the_whole_time_and_no_more() -> None:
    """A slow answer takes nothing from the next one's time, and the last one's drip ends at the timeout."""
    slow = Reply([b"", ok(PAGE)], pause=0.15)
    drip = Reply(itertools.chain([ok(b"", "Content-Length: 100000", length=False)], itertools.repeat(b"x")), pause=0.01)
    with RawServer(slow, slow, drip) as server, closing(fetcher(server.url, 0.5)) as client:
        assert [client.get("/metrics").body for _ in range(2)] == [PAGE, PAGE]
        assert server.connections == 1
        with pytest.raises(FetchError, match="no whole answer"):
            client.get("/metrics")


def test_after_a_timeout_a_late_answer_is_not_taken_for_the_next() -> None:
    """The connection of a failed request is never used again."""
    late = Reply([b"", ok(b"late 1\n")], pause=0.3)
    with RawServer(late, ok(PAGE)) as server, closing(fetcher(server.url, 0.1)) as client:
        with pytest.raises(FetchError, match="no whole answer"):
            client.get("/metrics")
        assert client.get("/metrics").body == PAGE
        assert server.connections == 2


@pytest.mark.parametrize("first", [b"HTTP/1.0 200 OK\r\n\r\n" + PAGE, ok(PAGE, "Connection: close")])
def test_a_server_that_closes_after_each_answer_works(first: bytes) -> None:
    """HTTP/1.0 without a length and Connection: close mean a new connection for each request."""
    with RawServer(Reply(first, then="close")) as server, closing(fetcher(server.url)) as client:
        assert [client.get("/metrics").body for _ in range(3)] == [PAGE] * 3
        assert server.connections == 3


def test_a_redirect_within_the_server_is_followed_and_remembered(engine: PageServer) -> None:
    """Old releases send /metrics to /metrics/; only the first request pays for it."""
    engine.fail(Fault.REDIRECT)
    with closing(fetcher(engine.url)) as client:
        for _ in range(3):
            assert client.get("/metrics").body == PAGE
    assert engine.requests == {"/metrics": 1, "/metrics/": 3}


def _redirect(location: str) -> bytes:
    return f"HTTP/1.1 307 T\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")


def test_a_remembered_redirect_that_ends_is_forgotten() -> None:
    """When the new place fails, the next request starts again at the old one."""
    replies = (_redirect("/new?x=1"), ok(PAGE), b"HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n", ok(PAGE))
    with RawServer(*replies) as server, closing(fetcher(server.url)) as client:
        client.get("/metrics")
        with pytest.raises(FetchError, match="HTTP status 404"):
            client.get("/metrics")
        client.get("/metrics")
        asked = [head.split(b" ")[1] for head in server.heads]
    assert asked == [b"/metrics", b"/new?x=1", b"/new?x=1", b"/metrics"]


def test_a_redirect_by_full_address_to_the_same_server_is_followed() -> None:
    """Starlette answers with the full address."""
    with RawServer(b"") as server, closing(fetcher(server.url)) as client:
        server.replies = [Reply(_redirect(f"{server.url}/metrics/")), Reply(ok(PAGE))]
        assert client.get("/metrics").body == PAGE


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://192.0.2.1/metrics", "another server (192.0.2.1)"),
        ("//192.0.2.1/metrics", "another server (192.0.2.1)"),
        ("metrics", "without a usable location"),
        ("", "without a usable location"),
        ("http://[/metrics", "without a usable location"),
        ("/m\u00e9trics", "without a usable location"),
        ("/metrics", "HTTP status 307 from /metrics"),
    ],
)
def test_other_redirects_are_refused(location: str, says: str) -> None:
    """Another server, no place at all or a loop is an error, and nothing else is asked."""
    error = raw_failure(_redirect(location))
    assert error.kind == "http_status"
    assert says in str(error)


def test_ipv6_addresses_work() -> None:
    """An address in brackets is connected to and named in Host."""
    with RawServer(ok(PAGE), host="::1") as server, closing(fetcher(server.url)) as client:
        assert client.get("/metrics").body == PAGE
    assert f"Host: {server.authority}\r\n".encode() in server.heads[0]


def test_a_self_made_certificate_is_refused_in_one_line() -> None:
    """TLS is verified; the line says that the certificate is the reason."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with RawServer(ok(PAGE), tls=context) as server:
        error = failure(server.url)
        assert server.heads == []
    assert error.kind == "network"
    assert "certificate verify failed" in str(error)


def test_plain_http_on_a_tls_client_is_a_network_error() -> None:
    """An https address that leads to a plain server fails in one line."""
    with RawServer(Reply(ok(PAGE), then="close")) as server:
        assert failure(f"https://{server.authority}", timeout=0.5).kind in {"network", "timeout"}


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_a_name_that_cannot_be_one_is_a_network_error(host: str) -> None:
    """Host names that no resolver takes are told as such."""
    assert failure(f"http://{host}:1").kind == "network"


def test_close_is_idempotent_and_the_fetcher_reconnects(engine: PageServer) -> None:
    """Closing twice is harmless, and a later request opens a new connection."""
    client = fetcher(engine.url)
    client.get("/metrics")
    client.close()
    client.close()
    with closing(client):
        assert client.get("/metrics").body == PAGE
    assert engine.connections == 2
