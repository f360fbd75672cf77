"""`POST /-/quality`: scores from an evaluation elsewhere, over HTTP."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from forewarn.probes.inbox import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import InputStream, WSGIEnvironment

    from forewarn.probes.inbox import Post

Answer = tuple[str, str, str, list[tuple[str, str]]]
"""Status line, body, content type, more headers."""

_LENGTH = re.compile(r"[0-9]{1,18}")
_PLAIN = "text/plain; charset=utf-8"
_MOST_DRAINED = 64 * 2**20
_DRAIN_SECONDS = 5.0
_BLOCK = 1 << 16


class QualityPost:
    """Answers posts; nothing is taken in part. Without a Post the door is closed."""

    def __init__(self, post: Post | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._post = post
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment) -> Answer:
        """Answer a request to the path."""
        if environ.get("REQUEST_METHOD") != "POST":
            return _said("405 Method Not Allowed", "expected POST", ("Allow", "POST"))
        size = environ.get("CONTENT_LENGTH") or ""
        length = int(size) if _LENGTH.fullmatch(size) else None
        body, post = environ["wsgi.input"], self._post
        if post is None or not post.is_open:
            self._drain(body, length or 0)
            return _CLOSED
        refusal = _refusal(post, environ.get("HTTP_AUTHORIZATION", ""), length)
        if refusal is not None:
            self._drain(body, length or 0)
            return refusal
        return _taken(post, _read(body, length or 0), length or 0)

    def _drain(self, body: InputStream, length: int) -> None:
        """Read what is not wanted, within limits: closed on, a client that still sends would not see the answer."""
        left, end = min(length, _MOST_DRAINED), self._clock() + _DRAIN_SECONDS
        while left > 0 and self._clock() < end:
            got = len(_read(body, min(left, _BLOCK)))
            left -= got or left


def _refusal(post: Post, authorization: str, length: int | None) -> Answer | None:
    """Why the body is not even read."""
    if not post.authorized(authorization):
        post.refuse("wrong or no token")
        return _said("401 Unauthorized", "expected Authorization: Bearer TOKEN", ("WWW-Authenticate", "Bearer"))
    if length is None:
        post.refuse("no Content-Length")
        return _said("411 Length Required", "expected a Content-Length")
    if length > MAX_BYTES:
        post.refuse(f"more than {MAX_BYTES} bytes")
        return _said("413 Content Too Large", f"expected at most {MAX_BYTES} bytes, got {length}")
    return None


def _taken(post: Post, document: bytes, length: int) -> Answer:
    """What becomes of a body that was let in."""
    if len(document) != length:
        post.refuse("the body ended before its Content-Length")
        return _said("400 Bad Request", "expected a body as long as its Content-Length")
    try:
        suites = post.take(document)
    except ValueError as error:
        return _said("400 Bad Request", str(error))
    return _said("200 OK", "accepted " + ", ".join(suites))


def _read(body: InputStream, size: int) -> bytes:
    """Up to `size` bytes; less when the client ends or stays silent for too long."""
    try:
        return body.read(size)
    except OSError:
        return b""


def _said(status: str, text: str, *headers: tuple[str, str]) -> Answer:
    return status, text + "\n", _PLAIN, list(headers)


_CLOSED = _said("403 Forbidden", "expected the sidecar to have quality.token or quality.token_file")
