"""The head of a request is HTTP/1 or refused, whatever bytes come."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.web.head import Refused, parse

GOOD = b"GET /metrics?name[]=a HTTP/1.1\r\nHost: x\r\nAccept: a\r\nAccept: b\r\nX-Empty:\r\nLast:  spaced out \t"


def refusal(head: bytes) -> str:
    """The status that a head gets."""
    with pytest.raises(Refused) as caught:
        parse(head)
    return caught.value.status


def test_a_head_is_its_parts() -> None:
    """Names in small letters, values without the space around them, repeated fields joined."""
    head = parse(GOOD)
    assert (head.method, head.target, head.version) == ("GET", "/metrics?name[]=a", "1.1")
    assert head.fields == {"host": "x", "accept": "a, b", "x-empty": "", "last": "spaced out"}
    assert head.length == 0


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.1", "Close, TE", False),
        ("1.0", None, False),
        ("1.0", "Keep-Alive", True),
    ],
)
def test_a_connection_is_kept_as_the_client_wants(version: str, connection: str | None, keeps: bool) -> None:  # noqa: FBT001  a table
    """HTTP/1.1 keeps it unless told, 1.0 closes it unless asked."""
    field = f"\r\nConnection: {connection}" if connection else ""
    assert parse(f"GET / HTTP/{version}{field}".encode()).keeps_alive == keeps


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", 400),
        (b"GET", 400),
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b"G\xc3 / HTTP/1.1", 400),
        (b"GET /\xff HTTP/1.1", 400),
        (b"GET http://x/metrics HTTP/1.1", 400),
        (b"\x16\x03\x01\x02\x00", 400),
        (b"PRI * HTTP/2.0", 505),
        (b"GET / HTTP/0.9", 505),
        (b"GET / HTTP/1.1\r\nno colon", 400),
        (b"GET / HTTP/1.1\r\nHost : x", 400),
        (b"GET / HTTP/1.1\r\n folded: x", 400),
        (b"GET / HTTP/1.1\r\nA: b\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\rC: d", 400),
        (b"GET / HTTP/1.1\r\nA: \x00", 400),
        (b"GET / HTTP/1.1\r\n: x", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1, 1", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: +1", 400),
        (b"GET / HTTP/1.1\r\nContent-Length:", 400),
        (b"GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked", 411),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", 411),
        (b"GET / HTTP/1.1" + b"\r\nA: b" * 65, 431),
    ],
)
def test_anything_else_is_refused(head: bytes, status: int) -> None:
    """What two readers could read differently is nobody's request."""
    assert refusal(head).startswith(f"{status} ")


@given(st.one_of(st.binary(), st.builds(lambda tail: GOOD[: len(tail)] + tail, st.binary())))
def test_any_bytes_are_read_or_refused(head: bytes) -> None:
    """Nothing but Refused leaves the parser, and what it lets in has no control characters."""
    with suppress(Refused):
        found = parse(head)
        assert all(char >= " " or char == "\t" for text in (found.target, *found.fields.values()) for char in text)
