"""The page server's answers to single requests."""

from __future__ import annotations

import gzip
import json
import ssl
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.tools.page_faults import Fault, Flood, Slow, Status, WrongLength, filtered, spoiled
from tests.tools.raw_server import Reply, reset_on_close

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator

    from tests.tools.listener import Listener
    from tests.tools.page_faults import Mode

METRICS_PATHS = ("/metrics", "/metrics/")
_BLOCK = 64 * 1024
_HTML = "<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"


class Handler(BaseHTTPRequestHandler):
    """Answers a client's requests, one after the other on a kept connection, as its page server says."""

    protocol_version = "HTTP/1.1"
    # Head and body go out in two writes; without this each answer would wait for a delayed ACK.
    disable_nagle_algorithm = True
    server: Listener

    def setup(self) -> None:
        """Tell the server of the connection, under TLS where it speaks that."""
        if self.server.owner.tls is not None:
            try:
                self.request = self.server.owner.tls.wrap_socket(self.request, server_side=True)
            except OSError:
                raise ConnectionAbortedError from None
        super().setup()
        self.server.owner.opened(self.connection)

    def finish(self) -> None:
        """Tell the server that the connection is over."""
        self.server.owner.closed(self.connection)
        with suppress(OSError):
            super().finish()
        if isinstance(self.connection, ssl.SSLSocket):
            # The server closes the socket that it accepted, which TLS has taken over.
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Say nothing: the counters tell what was asked."""

    def do_GET(self) -> None:
        """Answer a page, or what is in its place."""
        owner, url = self.server.owner, urlsplit(self.path)
        owner.count(url.path)
        with suppress(ConnectionError):
            self._answer(url.path, parse_qs(url.query).get("name[]", []), owner.mode_for(url.path))
            return
        self.close_connection = True

    def _answer(self, path: str, names: list[str], mode: Mode | None) -> None:
        owner = self.server.owner
        if isinstance(mode, Slow):
            owner.closing.wait(mode.seconds)
        if isinstance(mode, Reply):
            self._raw(mode)
        elif isinstance(mode, Status):
            self._send(f"{mode.code}\n", "text/plain", status=mode.code)
        elif path in METRICS_PATHS:
            self._metrics(path, names, mode)
        elif path == "/health":
            self._send("", "text/plain", status=owner.health_status)
        elif path == "/version":
            self._json({"version": owner.version})
        elif path == "/v1/models":
            model = {"id": owner.model, "object": "model", "root": owner.model, "max_model_len": 2048}
            self._json({"object": "list", "data": [model]})
        else:
            self._json({"detail": "Not Found"}, status=404)

    def _raw(self, reply: Reply) -> None:
        for part in [reply.data] if isinstance(reply.data, bytes) else reply.data:
            self.wfile.write(part)
            if self.server.owner.closing.wait(reply.pause):
                break
        if reply.then == "hang":
            self.server.owner.closing.wait()
        if reply.then == "reset":
            reset_on_close(self.connection)
        self.close_connection = reply.then != "keep"

    def _metrics(self, path: str, names: list[str], mode: Mode | None) -> None:
        page = self._page(path, names)
        if page is None:
            self._json({"detail": "Not Found"}, status=404)
        elif mode is Fault.REDIRECT and path == "/metrics":
            self._redirect()
        elif mode in {Fault.NAN, Fault.DUPLICATE}:
            self._send(spoiled(page, Fault.NAN if mode is Fault.NAN else Fault.DUPLICATE))
        elif mode is None or mode is Fault.REDIRECT or isinstance(mode, Slow):
            self._send(page)
        else:
            self._misbehave(page, mode)

    def _page(self, path: str, names: list[str]) -> str | None:
        """Return what that path shows, None where the kind of server has no such path."""
        owner = self.server.owner
        if path == "/metrics":
            return owner.page
        if owner.name_filter == "unsupported":
            return None
        if not names:
            return owner.page
        return filtered(owner.page, names) if owner.name_filter == "honoured" else ""

    def _misbehave(self, page: str, mode: Mode) -> None:
        body = page.encode()
        if mode is Fault.HALF_OPEN:
            self.server.owner.closing.wait()
            self.close_connection = True
        elif mode is Fault.CUT:
            self._truncated(body[: len(body) // 2], len(body))
        elif isinstance(mode, WrongLength):
            self._truncated(body, len(body) + mode.offset)
        elif mode is Fault.HTML:
            self._send(_HTML, "text/html")
        elif mode is Fault.GZIP:
            self._head(200, self.server.owner.content_type, encoding="gzip", body=gzip.compress(body))
        elif mode is Fault.CHUNKED:
            self._chunks(body[start : start + 4096] for start in range(0, len(body), 4096))
        elif isinstance(mode, Flood):
            self._chunks(_flood(mode.size, self.server.owner.closing))

    def _send(self, text: str, content_type: str | None = None, *, status: int = 200) -> None:
        self._head(status, content_type or self.server.owner.content_type, body=text.encode())

    def _json(self, value: object, *, status: int = 200) -> None:
        self._send(json.dumps(value), "application/json", status=status)

    def _head(self, status: int, content_type: str, *, body: bytes, encoding: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        self.wfile.write(body)

    def _truncated(self, body: bytes, announced: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", self.server.owner.content_type)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _chunks(self, parts: Iterable[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", self.server.owner.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def _redirect(self) -> None:
        query = urlsplit(self.path).query
        self.send_response(307)
        self.send_header("Location", "/metrics/" + (f"?{query}" if query else ""))
        self.send_header("Content-Length", "0")
        self.end_headers()


def _flood(size: int | None, closing: threading.Event) -> Iterator[bytes]:
    """Give well-formed lines nobody asked for, in blocks, until `size` or the server's end."""
    block = (b'filler_total{pad="' + b"x" * 44 + b'"} 1.0\n') * (_BLOCK // 70)
    left = size
    while (left is None or left > 0) and not closing.is_set():
        part = block if left is None else block[:left]
        yield part
        if left is not None:
            left -= len(part)
