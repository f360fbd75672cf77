"""A small origin that serves the page's files as the sidecar does, and whatever scene a test sets."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .scenes import Scene

PAGES = Path(__file__).parents[2] / "exporter" / "forewarn" / "pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class StatusOrigin:
    """The sidecar's HTTP face under a path prefix. `answer` is what `/api/status` says next."""

    def __init__(self, scene: Scene, prefix: str = "") -> None:
        """Serve `scene` on a free port of the loopback interface."""
        self.prefix = prefix
        self.code = HTTPStatus.OK
        self.body = b""
        self.show(scene)
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                origin.respond(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's signature
                """Keep test output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.server.server_port}{self.prefix}/"

    def show(self, scene: Scene) -> None:
        """Answer with this scene from now on."""
        self.body = json.dumps(scene).encode()

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        path = request.path.removeprefix(self.prefix)
        if path == "/api/status":
            self._send(request, self.code, "application/json", self.body)
            return
        file = PAGES / ("status.html" if path == "/" else path.removeprefix("/static/"))
        if file.parent != PAGES or not file.is_file():
            self._send(request, HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")
            return
        self._send(request, HTTPStatus.OK, TYPES[file.suffix], file.read_bytes())

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, code: HTTPStatus, kind: str, body: bytes) -> None:
        request.send_response(code)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Content-Security-Policy", POLICY)
        request.send_header("X-Content-Type-Options", "nosniff")
        request.end_headers()
        request.wfile.write(body)

    def stop(self) -> None:
        """Go away: later connections are refused."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
        self.server.server_close()


@contextmanager
def serving(scene: Scene, prefix: str = "") -> Iterator[StatusOrigin]:
    """Yield an origin that serves `scene`; it may be stopped early."""
    origin = StatusOrigin(scene, prefix)
    origin.thread.start()
    try:
        yield origin
    finally:
        origin.stop()
