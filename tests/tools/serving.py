"""Serving a sidecar's pages on loopback and asking for them."""

from __future__ import annotations

import http.client
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from forewarn.web.listener import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from _typeshed.wsgi import WSGIApplication


@contextmanager
def serving(web: WSGIApplication, listen: str = "127.0.0.1:0") -> Iterator[int]:
    """The port of a server for an application."""
    with Server(listen, web) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def ask(
    port: int, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, host: str = "127.0.0.1"
) -> tuple[http.client.HTTPResponse, str]:
    """An answer and its body."""
    with closing(http.client.HTTPConnection(host, port, timeout=10.0)) as connection:
        connection.request(method, path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer, answer.read().decode()
