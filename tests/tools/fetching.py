"""Fetching for tests: a small page, and a GET that has to fail as a FetchError should."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from forewarn.errors import FetchError
from forewarn.scrape import Fetcher
from tests.tools.raw_server import RawServer

if TYPE_CHECKING:
    from tests.tools.raw_server import Reply

FAMILY_B = b"# TYPE b gauge\nb 2.0\n"
PAGE = b"# TYPE a gauge\na 1.0\n" + FAMILY_B
LIMIT = 1 << 20
KINDS = {"refused", "timeout", "http_status", "not_text", "truncated", "too_large", "protocol", "network"}


def fetcher(url: str, timeout: float = 5.0) -> Fetcher:
    """A fetcher with a limit of one mebibyte."""
    return Fetcher(url, timeout, LIMIT)


def failure(url: str, timeout: float = 5.0, path: str = "/metrics") -> FetchError:
    """The error of one GET; one line, of a known kind, and not later than the timeout (with a slow machine's slack)."""
    started = time.monotonic()
    with closing(fetcher(url, timeout)) as client, pytest.raises(FetchError) as caught:
        client.get(path)
    assert time.monotonic() - started < timeout + 2.0
    assert caught.value.kind in KINDS
    assert "\n" not in str(caught.value)
    return caught.value


def raw_failure(*replies: Reply | bytes, timeout: float = 5.0) -> FetchError:
    """The error of one GET from a scripted server."""
    with RawServer(*replies) as server:
        return failure(server.url, timeout)
