"""A small HTTP server that stands in for vLLM's front end in tests, well behaved or faulty.

It serves one metrics page on 127.0.0.1 with HTTP/1.1 keep-alive, as a vLLM of that kind would: `/metrics`
ignores `name[]`, `/metrics/` honours it. Page, health and fault can be changed while it runs:

    with PageServer(page) as engine:
        engine.fail(Slow(2.0))
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from tests.tools.listener import Listener
from tests.tools.page_faults import Fault, Flood, Mode, Slow, Status, WrongLength, filtered
from tests.tools.page_handler import METRICS_PATHS, Handler
from tests.tools.raw_server import Reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["Fault", "Flood", "Mode", "PageServer", "Reply", "Slow", "Status", "WrongLength", "filtered"]

PLAIN = "text/plain; version=0.0.4; charset=utf-8"

NameFilter = Literal["honoured", "empty", "unsupported"]


class PageServer:
    """The server. Enter it as a context manager; `url` is its address.

    `requests` counts requests by path without query, `connections` the connections accepted; `unexpected`
    holds what a handler raised other than a lost connection. `page`, `content_type`, `version`, `model`,
    `health_status` and, for connections to come, `tls` may be assigned at any time.
    """

    def __init__(
        self,
        page: str = "",
        *,
        content_type: str = PLAIN,
        name_filter: NameFilter = "honoured",
        version: str = "0.32.0",
        model: str = "org/tiny-8b",
    ) -> None:
        self.page = page
        self.content_type = content_type
        self.name_filter: NameFilter = name_filter
        self.version = version
        self.model = model
        self.health_status = 200
        self.tls: ssl.SSLContext | None = None
        self.requests: Counter[str] = Counter()
        self.connections = 0
        self.unexpected: list[BaseException] = []
        self.closing = threading.Event()
        self._mode: Mode | None = None
        self._paths: tuple[str, ...] = METRICS_PATHS
        self._lock = threading.Condition()
        self._open: set[socket.socket] = set()
        self._http: Listener | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The TCP port, the same before and after a time of REFUSE."""
        return self._port

    @property
    def url(self) -> str:
        """Address without a path."""
        return f"http://127.0.0.1:{self._port}"

    def fail(self, mode: Mode, paths: Iterable[str] = METRICS_PATHS) -> None:
        """Misbehave from the next request on, on these paths; REFUSE closes the port at once."""
        self._mode, self._paths = mode, tuple(paths)
        if mode is Fault.REFUSE:
            self._stop()
        else:
            self._start()

    def heal(self) -> None:
        """Behave again."""
        self._mode = None
        self._start()

    def mode_for(self, path: str) -> Mode | None:
        """Return the fault that a request to `path` meets."""
        return self._mode if path in self._paths else None

    def count(self, path: str) -> None:
        """Count a request."""
        with self._lock:
            self.requests[path] += 1
            self._lock.notify_all()

    def wait_for(self, path: str, number: int, timeout: float = 5.0) -> bool:
        """Wait until `path` was asked for that often; False when the time in seconds is over."""
        with self._lock:
            return self._lock.wait_for(lambda: self.requests[path] >= number, timeout)

    def opened(self, connection: socket.socket) -> None:
        """Note a connection, to close it with the server."""
        with self._lock:
            self.connections += 1
            self._open.add(connection)
        # A connection accepted just before the close would otherwise wait for its client.
        if self.closing.is_set():
            self.hang_up()

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._open.discard(connection)

    def hang_up(self) -> None:
        """Close every open connection, as a restart or an idle timeout does."""
        with self._lock:
            connections = tuple(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _start(self) -> None:
        if self._http is not None:
            return
        self.closing.clear()
        self._http = Listener(self, Handler, self._port)
        self._port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _stop(self) -> None:
        if self._http is None or self._thread is None:
            return
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self.hang_up()
        self._http.server_close()
        self._http = None

    def __enter__(self) -> PageServer:  # noqa: PYI034  typing.Self needs Python 3.11
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
