"""The HTTP front end: vLLM's endpoints over a driver, on the standard library's threading server."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from lab.vllm_sim import api
from lab.vllm_sim.page import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.vllm_sim.core import EngineShape
    from lab.vllm_sim.driver import Driver, Progress, Ticket

MAX_BODY_BYTES = 16 * 1024 * 1024
CHECK_CLIENT_SECONDS = 0.2
"""How often a handler that waits for tokens looks whether its client is still there."""

_UNCOUNTED = ("/metrics", "/metrics/", "/health", "/ping", "/version")
"""Paths that vLLM keeps out of its `http_*` series."""

_JSON = "application/json"


class ClientGoneError(Exception):
    """The client closed its connection before its answer was complete."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """Answer GET."""
        self._route("GET")

    def do_POST(self) -> None:
        """Answer POST."""
        self._route("POST")

    def log_message(self, *_: object) -> None:
        """Keep requests out of the terminal: they come several times a second."""

    def _route(self, method: str) -> None:
        url = urlsplit(self.path)
        self._since = self.server.driver.now()
        self._handler = (url.path, method)
        self._request_bytes = 0
        body = self._body()
        if body is None:
            return
        match method, url.path:
            case "GET", "/metrics":
                self._send(200, self.server.driver.page().encode(), CONTENT_TYPE)
            case "GET", "/metrics/":
                names = parse_qs(url.query).get("name[]")
                self._send(200, self.server.driver.page(names).encode(), CONTENT_TYPE)
            case ("GET", "/health") | ("GET" | "POST", "/ping"):
                self._send(200, b"", _JSON)
            case "GET", "/version":
                self._send_json(200, {"version": self.server.driver.simulation.engine.shape.version})
            case "GET", "/v1/models":
                self._send_json(200, api.models(self._shape, self._created))
            case "POST", "/v1/completions" | "/v1/chat/completions":
                self._complete(body, chat=url.path == "/v1/chat/completions")
            case _:
                self._handler = ("none", method)
                self._send_json(404, {"detail": "Not Found"})

    def _body(self) -> bytes | None:
        """Read the request's body; None when that was refused."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._send_json(400, api.ApiError(f"Content-Length: expected 0 to {MAX_BODY_BYTES}").body())
            return None
        self._request_bytes = int(length)
        return self.rfile.read(int(length))

    def _complete(self, body: bytes, *, chat: bool) -> None:
        try:
            ask = api.parse(body, self._shape, chat=chat)
        except api.ApiError as error:
            self._send_json(error.status, error.body())
            return
        ticket = self.server.driver.submit(ask.prompt_tokens, ask.max_tokens)
        answer = api.Answer(ask, self._shape.model, ticket.id, self._created)
        try:
            self._stream(ticket, answer) if ask.stream else self._whole(ticket, answer)
        except (ClientGoneError, OSError):
            self.close_connection = True
            self._count(200, 0)
            self.server.driver.cancel(ticket)

    def _whole(self, ticket: Ticket, answer: api.Answer) -> None:
        tokens, reason = 0, "stop"
        for count, ended in self._progress(ticket):
            tokens, reason = count, ended or reason
        self._send(200, answer.whole(api.text_of(1, tokens, reason), tokens, reason), _JSON)

    def _stream(self, ticket: Ticket, answer: api.Answer) -> None:
        self._head(200, "text/event-stream; charset=utf-8", {"Transfer-Encoding": "chunked"})
        sent = 0
        for tokens, reason in self._progress(ticket):
            self._chunk(answer.chunk(api.text_of(sent + 1, tokens, reason), reason))
            sent = tokens
        self._chunk(answer.tail(sent))
        self._chunk(b"")
        self._count(200, 0)

    def _progress(self, ticket: Ticket) -> Iterator[Progress]:
        """Yield a ticket's progress to its end; ClientGoneError when nobody waits for it any more."""
        reason = None
        while reason is None:
            try:
                tokens, reason = ticket.progress.get(timeout=CHECK_CLIENT_SECONDS)
            except Empty:
                if self._client_gone():
                    raise ClientGoneError from None
                continue
            yield tokens, reason

    def _client_gone(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _send_json(self, status: int, data: dict[str, Any]) -> None:
        self._send(status, json.dumps(data).encode(), _JSON)

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self._count(status, len(body))
        self._head(status, content_type, {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: int, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _count(self, status: int, response_bytes: int) -> None:
        if self._handler[0] not in _UNCOUNTED:
            sizes = (self._request_bytes, response_bytes)
            self.server.driver.count_response(self._handler, status, self._since, sizes)

    @property
    def _shape(self) -> EngineShape:
        return self.server.driver.simulation.scenario.engine

    @property
    def _created(self) -> int:
        return int(self.server.driver.simulation.epoch)


class Server(ThreadingHTTPServer):
    """A listening socket whose connections can be cut."""

    daemon_threads = False

    def __init__(self, address: tuple[str, int], driver: Driver) -> None:
        self.driver = driver
        self._connections: set[socket.socket] = set()
        super().__init__(address, Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Forget the connection and close it."""
        if isinstance(request, socket.socket):
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Let a broken connection pass; anything else is a defect and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def cut(self) -> None:
        """Break every connection, as the death of the process does."""
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Front:
    """Opens and closes the server on one address; port 0 is chosen once and kept."""

    def __init__(self, host: str, port: int, driver: Driver) -> None:
        self._driver = driver
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self.address = (host, port)

    def open(self) -> None:
        """Listen; OSError when the address cannot be had."""
        self._server = Server(self.address, self._driver)
        self.address = (self.address[0], self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="vllm-sim-http"
        )
        self._thread.start()

    def close(self) -> None:
        """Refuse connections and break those there are."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.cut()
            self._server.server_close()
            self._thread.join()
            self._server = None
