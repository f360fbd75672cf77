"""A Prometheus made of canned answers, on loopback."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = Callable[[str, dict[str, str]], Any]
    """(path's last part, form) → the `result` to give; or a (status, text) pair."""


class FakePrometheus:
    """Answers by `answer`, and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.forms: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = {key: values[0] for key, values in parse_qs(self.rfile.read(length).decode()).items()}
                fake.forms.append(form)
                fake.headers.append(dict(self.headers))
                made = answer(self.path.rpartition("/")[2], form)
                status, text = made if isinstance(made, tuple) else (200, _success(made))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the parent's signature
                """Keep test output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server.server_port}"


def _success(result: object) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


@contextmanager
def prometheus(answer: Answer) -> Iterator[FakePrometheus]:
    """Yield a running one."""
    fake = FakePrometheus(answer)
    thread = threading.Thread(target=fake.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield fake
    finally:
        fake.server.shutdown()
        thread.join()
        fake.server.server_close()
