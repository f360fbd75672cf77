"""The server: accepts connections, gives each a thread, and never has more than it may."""

from __future__ import annotations

import socket
import threading
import time
from _thread import start_new_thread
from contextlib import suppress
from socketserver import BaseRequestHandler, TCPServer
from typing import TYPE_CHECKING

from forewarn.config_values import split_listen
from forewarn.errors import ConfigError
from forewarn.web.connection import Connection, Limits
from forewarn.web.live import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import WSGIApplication

    from forewarn.web.live import Loaded

_NO_DESCRIPTOR_PAUSE = 0.05
"""Seconds to wait where a connection cannot be accepted, which would else be tried again at once for ever."""
_GRACE = 1.0


class Server(TCPServer):
    """Serves each client in a thread of its own, so that a slow one holds up nobody.

    At the limit a new connection takes the place of one that is waiting: first of the oldest that never sent a
    request, then of the oldest that has been silent since its last.
    """

    request_queue_size = 128
    allow_reuse_address = True

    def __init__(
        self,
        listen: str,
        app: WSGIApplication,
        current: Callable[[], Loaded] = lambda: OPEN,
        report: Callable[[Exception], None] = lambda _: None,
        limits: Limits | None = None,
    ) -> None:
        """Bind and listen at once. Raises ConfigError when the address cannot be had."""
        self._app = app
        self._current = current
        self._report = report
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._open: set[Connection] = set()
        host, port = split_listen(listen)
        self._dual = not host and socket.has_dualstack_ipv6()
        if self._dual or ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), BaseRequestHandler)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no usable host name"
            raise ConfigError("server.listen", f"expected an address to listen on, got {listen}: {reason}") from None

    @property
    def server_port(self) -> int:
        """The port that is served."""
        return int(self.server_address[1])

    def server_bind(self) -> None:
        """Bind, to both address families when no host is given."""
        if self._dual:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection; where the process has no descriptor left, one that waits gives its own."""
        try:
            return super().get_request()
        except OSError:
            with self._lock:
                self._make_room(0)
            time.sleep(_NO_DESCRIPTOR_PAUSE)
            raise

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Give the connection a thread, if there is room for it."""
        if not isinstance(request, socket.socket):
            raise TypeError("expected a stream socket")
        with suppress(OSError):
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = str(client_address[0]) if isinstance(client_address, tuple) else ""
        connection = Connection(request, peer, self._limits)
        with self._lock:
            room = self._make_room(self._limits.connections - 1)
            if room:
                self._open.add(connection)
        try:
            if room:
                # Not a Thread, whose start waits until it runs: short of memory, one may end before it begins.
                start_new_thread(self._serve, (connection,))
                return
        except RuntimeError:  # the system gives no more threads
            with self._lock:
                self._open.discard(connection)
        connection.close()

    def server_close(self) -> None:
        """Stop listening, and end every connection."""
        super().server_close()
        with self._lock:
            for connection in self._open:
                connection.drop()
            self._ended.wait_for(lambda: not self._open, _GRACE)

    def _serve(self, connection: Connection) -> None:
        connection.begun = True
        try:
            connection.serve(self._app, self._current, self._report)
        except Exception as error:  # noqa: BLE001  a defect costs this connection, and is told as the application's are
            with suppress(Exception):  # short of memory even for that
                self._report(error)
        finally:
            with self._lock:
                self._open.discard(connection)
                connection.close()
                self._ended.notify_all()

    def _make_room(self, most: int) -> bool:
        """Whether at most `most` connections are left, if need be after dropping one."""
        now = time.monotonic()
        for connection in [c for c in self._open if not c.begun and now - c.since > self._limits.head_seconds]:
            # Its thread ended before it began.
            self._open.discard(connection)
            connection.close()
        staying = [connection for connection in self._open if not connection.dropped]
        if len(staying) > most:
            may_go = [c for c in staying if c.waiting or now - c.since > self._limits.patience]
            if not may_go:
                return False
            min(may_go, key=lambda c: (not c.waiting, c.answered > 0, c.since)).drop()
        # Dropped ones end within moments, and are waited for, so that their threads do not add up.
        return self._ended.wait_for(lambda: len(self._open) < 2 * self._limits.connections, _GRACE)
