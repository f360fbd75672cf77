"""The socket of the tests' HTTP servers: on loopback, with handler threads that end with it."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler


class Owner(Protocol):
    """A server of the tests; `unexpected` takes what its handlers raise."""

    unexpected: list[BaseException]


class Listener(ThreadingHTTPServer):
    """Waits for its handler threads on close, so that no test leaves one behind."""

    daemon_threads = False
    allow_reuse_address = True

    def __init__(self, owner: Owner, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", port), handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what a handler raised instead of printing it; a client that hangs up is no error."""
        del request, client_address
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.owner.unexpected.append(error)
