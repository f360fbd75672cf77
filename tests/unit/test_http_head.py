"""The short way through the usual head says what the general way says, and is taken by nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn import http_head

USUAL = (
    b"HTTP/1.1 200 OK\r\ndate: Thu, 26 Nov 2026 12:00:00 GMT\r\nserver: uvicorn\r\ncontent-length: 5\r\n"
    b"content-type: text/plain; version=1.0.0; charset=utf-8\r\n\r\n"
)
TYPE = b"text/plain; version=1.0.0; charset=utf-8"


def test_the_usual_head_is_read() -> None:
    """Length and type are there, what follows is left."""
    found = http_head.parse(USUAL + b"a 1\nb")
    assert found is not None
    head, rest = found
    assert (head.status, rest) == (200, b"a 1\nb")
    assert head.fields[b"content-length"] == b"5"
    assert head.fields[b"content-type"] == TYPE


@pytest.mark.parametrize(
    "field",
    [b"transfer-encoding: chunked", b"connection: close", b"content-encoding: gzip", b"Content-Length: 7"],
)
def test_no_field_is_overlooked(field: bytes) -> None:
    """A field that changes what is to be read is found wherever it stands."""
    name, _, value = field.partition(b": ")
    for before in (b"date", b"content-length", b"content-type"):
        found = http_head.parse(USUAL.replace(b"\r\n" + before, b"\r\n" + field + b"\r\n" + before))
        assert found is not None
        assert value in (found[0].fields[name.lower()], b"7")
        assert set(found[0].fields) >= {b"content-length", b"content-type"}
    last = http_head.parse(USUAL[:-2] + field + b"\r\n\r\n")
    assert last is not None
    assert last[0].fields[name.lower()] == value


@given(st.integers(0, len(USUAL) - 1))
def test_a_head_without_its_end_is_waited_for(length: int) -> None:
    """However much of it is there."""
    assert http_head.parse(USUAL[:length]) is None
