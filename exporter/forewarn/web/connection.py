"""One client's connection: its handshake, its requests one after the other, and how long it may take."""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from socket import SHUT_RDWR, socket
from typing import TYPE_CHECKING
from urllib.parse import unquote

from forewarn.web import head as heads
from forewarn.web.body import Body
from forewarn.web.tls import allowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from forewarn.web.live import Loaded

_BLOCK = 1 << 16
_LINGER_SECONDS = 2.0
_MOST_LINGERED = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take: connections at a time, bytes of a request's head, and seconds."""

    connections: int = 128
    head_bytes: int = 16_384
    head_seconds: float = 5.0
    """For the handshake, and again for a whole head."""
    request_seconds: float = 15.0
    """From a whole head to the last byte of the answer."""
    idle_seconds: float = 120.0
    """Between two requests of one connection."""
    patience: float = 2.0
    """Seconds of being answered after which a connection may go where there are too many."""


class Connection:
    """A connection, served by a thread of its own; `drop` may be called by another."""

    def __init__(self, sock: socket, peer: str, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self.waiting = True
        """Whether it is the client's turn: nothing is being answered."""
        self.begun = False
        """Whether its thread runs."""
        self.answered = 0
        self.dropped = False
        self.since = now()
        self._socket = sock
        self._peer = peer
        self._limits = limits
        self._now = now
        self._buffer = b""
        self._certified = False

    def drop(self) -> None:
        """End it from outside. The server's lock keeps its thread from closing the socket meanwhile."""
        self.dropped = True
        # An SSLSocket's own shutdown would take the TLS layer away under its thread.
        with suppress(OSError):
            socket.shutdown(self._socket, SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        with suppress(OSError):
            socket.shutdown(self._socket, SHUT_RDWR)
        self._socket.close()

    def serve(self, app: WSGIApplication, current: Callable[[], Loaded], report: Callable[[Exception], None]) -> None:
        """Answer requests until either side ends it. A client that leaves or breaks the rules is no error."""
        loaded = current()
        # OSError: the client left, or was too slow. ValueError: Python's ssl where the other side sends nonsense.
        with suppress(OSError, ValueError):
            if loaded.context is not None and not self._handshake(loaded.context, loaded.client_sans):
                return
            while self._exchange(app, report) and current() is loaded:
                self.waiting, self.since = True, self._now()

    def _handshake(self, context: ssl.SSLContext, sans: frozenset[str]) -> bool:
        self._socket.settimeout(self._limits.head_seconds)
        self._socket = wrapped = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        wrapped.do_handshake()
        certificate = wrapped.getpeercert()
        self._certified = bool(certificate)
        return not (sans and certificate) or allowed(certificate, sans)

    def _exchange(self, app: WSGIApplication, report: Callable[[Exception], None]) -> bool:
        """Take one request and answer it; returns whether there may be another."""
        try:
            head = heads.parse(self._head())
        except heads.Refused as refused:
            self._answer(refused.status, [], b"", self._now() + self._limits.head_seconds, keep=False)
            self._linger()
            return False
        self.waiting, self.since = False, self._now()
        end = self.since + self._limits.request_seconds
        body = Body(head, self._buffer, lambda size: self._receive(size, end), self._continue)
        status, fields, answer = self._ask(app, self._environ(head, body), report)
        # An answer without a length is one that went wrong, and ends the connection.
        sized = any(name == "Content-Length" for name, _ in fields)
        keep = head.keeps_alive and body.left == 0 and sized and not self.dropped
        self._answer(status, fields, answer, end, keep=keep)
        self.answered += 1
        self._buffer = body.rest
        if body.left:
            self._linger()
        return keep

    def _head(self) -> bytes:
        """The bytes of a head. Raises Refused for one that is too large, OSError for one that does not come."""
        limits = self._limits
        if not self._buffer:
            patience = limits.idle_seconds if self.answered else limits.head_seconds
            self._buffer = self._receive(_BLOCK, self._now() + patience)
        end, start = self._now() + limits.head_seconds, 0
        while True:
            self._buffer = self._buffer.removeprefix(b"\r\n") if not start else self._buffer
            at = self._buffer.find(heads.END, start, limits.head_bytes)
            if at >= 0:
                found, self._buffer = self._buffer[:at], self._buffer[at + len(heads.END) :]
                return found
            if len(self._buffer) >= limits.head_bytes:
                long_line = b"\r\n" not in self._buffer[: limits.head_bytes]
                raise heads.Refused("414 URI Too Long" if long_line else "431 Request Header Fields Too Large")
            start = max(0, len(self._buffer) - len(heads.END))
            self._buffer += self._receive(_BLOCK, end)

    def _receive(self, size: int, end: float) -> bytes:
        """Some bytes. Raises OSError when the client ends or the time is over."""
        self._socket.settimeout(self._left(end))
        got = self._socket.recv(size)
        if not got:
            raise ConnectionResetError
        return got

    def _continue(self) -> None:
        self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _environ(self, head: heads.Head, body: Body) -> WSGIEnvironment:
        path, _, query = head.target.partition("?")
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": head.method,
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": f"HTTP/{head.version}",
            "REMOTE_ADDR": self._peer,
            "wsgi.input": body,
            "forewarn.certified": self._certified,
        }
        if "content-length" in head.fields:
            environ["CONTENT_LENGTH"] = head.fields["content-length"]
        environ.update({"HTTP_" + name.upper().replace("-", "_"): text for name, text in head.fields.items()})
        return environ

    def _ask(
        self, app: WSGIApplication, environ: WSGIEnvironment, report: Callable[[Exception], None]
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        """What the application answers; a defect in it is an answer too."""
        said: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, fields: list[tuple[str, str]], _exc_info: object = None, /
        ) -> Callable[[bytes], object]:
            said.append((status, fields))
            return lambda _: None

        try:
            answer = b"".join(_closed(app(environ, start_response)))
            return (*said[0], answer)
        except Exception as error:  # noqa: BLE001  whatever it is, it costs this answer and nothing else
            report(error)
            return "500 Internal Server Error", [], b""

    def _answer(self, status: str, fields: list[tuple[str, str]], body: bytes, end: float, *, keep: bool) -> None:
        if not any(name == "Content-Length" for name, _ in fields):
            body = body or f"{status}\n".encode()
            fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), *fields]
        lines = [f"HTTP/1.1 {status}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {text}" for name, text in fields]
        lines.append(f"Connection: {'keep-alive' if keep else 'close'}")
        sent, data = 0, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        while sent < len(data):
            self._socket.settimeout(self._left(end))
            sent += self._socket.send(data[sent : sent + _BLOCK])

    def _linger(self) -> None:
        """Take what the client still sends, within limits: closed on at once, it would not see the answer."""
        end, taken = self._now() + _LINGER_SECONDS, 0
        if not isinstance(self._socket, ssl.SSLSocket):
            self._socket.shutdown(1)
        while taken < _MOST_LINGERED:
            taken += len(self._receive(_BLOCK, end))

    def _left(self, end: float) -> float:
        left = end - self._now()
        if left <= 0:
            raise TimeoutError
        return left


def _closed(answer: Iterable[bytes]) -> list[bytes]:
    """The parts of an answer, closed as WSGI asks for."""
    try:
        return list(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
