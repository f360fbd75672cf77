"""A small HTTP server that completes prompts as vLLM does, well or badly: for what no honest engine can be made to do.

with CompletionServer() as engine:
    engine.behaviour = "truncated"
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Literal

from tests.tools.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

Behaviour = Literal[
    "good", "empty", "no_tokens", "error", "truncated", "no_done", "reset", "hang", "slow_first", "trickle",
    "redirect", "html", "not_json", "flood", "pooling", "reasoning",
]  # fmt: skip

HTML = b"<!doctype html><html><body>proxy</body></html>"


class CompletionServer:
    """The server. Enter it as a context manager; `url` is its address.

    `behaviour`, `status` (an HTTP status other than 200 to answer completions with), `api_key`, `model` and
    `answer` (prompt → text) may be assigned at any time; `bodies` holds what was asked, `headers` with what;
    `unexpected` what a handler raised other than a lost connection.
    """

    def __init__(self, model: str = "tiny", api_key: str = "", pause: float = 0.3) -> None:
        self.model = model
        self.api_key = api_key
        self.pause = pause
        self.behaviour: Behaviour = "good"
        self.status = 200
        self.answer: Callable[[object], str] = lambda _prompt: "two three four"
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.unexpected: list[BaseException] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._http = Listener(self, _Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Address without a path."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> CompletionServer:  # noqa: PYI034  typing.Self needs Python 3.11
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        if error is None and self.unexpected:
            raise self.unexpected[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Say nothing: `bodies` tells what was asked."""

    def do_GET(self) -> None:
        owner = self.server.owner
        owner.paths.append(self.path)
        if owner.api_key and self.headers.get("Authorization") != f"Bearer {owner.api_key}":
            self._json(401, {"error": "Unauthorized"})
        elif owner.behaviour == "html":
            self._whole(200, HTML, "text/html")
        else:
            adapter = {"id": "adapter", "parent": owner.model}
            self._json(200, {"data": [{"id": owner.model, "parent": None, "max_model_len": 2048}, adapter]})

    def do_POST(self) -> None:
        owner = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with owner.lock:
            owner.paths.append(self.path)
            owner.bodies.append(body)
            owner.headers.append(dict(self.headers))
            owner.in_flight += 1
            owner.most_in_flight = max(owner.most_in_flight, owner.in_flight)
        try:
            with suppress(ConnectionError):
                self._complete(body)
        finally:
            with owner.lock:
                owner.in_flight -= 1

    def _complete(self, body: dict[str, Any]) -> None:
        owner = self.server.owner
        if owner.api_key and self.headers.get("Authorization") != f"Bearer {owner.api_key}":
            self._json(401, {"error": "Unauthorized"})
        elif owner.behaviour == "redirect":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif owner.behaviour == "pooling":
            self._json(400, {"error": {"message": "The model does not support Completions API", "code": 400}})
        elif owner.status != 200:
            # vLLM repeats the prompt in some of its errors.
            message = f"secret words: {body.get('prompt')}"
            self._json(owner.status, {"error": {"message": message, "type": "SomeError", "code": owner.status}})
        elif body["model"] not in (owner.model, "adapter"):
            self._json(404, {"error": {"message": "no such model", "type": "NotFoundError", "code": 404}})
        else:
            self._stream(body)

    def _stream(self, body: dict[str, Any]) -> None:
        owner = self.server.owner
        if owner.behaviour == "hang":
            owner.closing.wait()
            self.close_connection = True
            return
        if owner.behaviour == "html":
            self._whole(200, HTML, "text/html")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in self._events(body):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if owner.behaviour in ("truncated", "reset"):
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _events(self, body: dict[str, Any]) -> Iterator[bytes]:
        owner = self.server.owner
        chat = "messages" in body
        text = owner.answer(body["messages"][-1]["content"] if chat else body["prompt"])
        words = [] if owner.behaviour == "no_tokens" else [text[:3], text[3:]]
        if owner.behaviour in ("empty", "reasoning"):
            words = ["", ""]
        if owner.behaviour == "slow_first":
            owner.closing.wait(owner.pause)
        if owner.behaviour == "trickle":
            while not owner.closing.wait(0.02):
                yield b":"
        if owner.behaviour == "not_json":
            yield b"data: {half\n\n"
        if owner.behaviour == "flood":
            yield b"data: " + b"x" * (2 << 20)
        for index, word in enumerate(words):
            thought = {"reasoning_content": "hm"} if owner.behaviour == "reasoning" else {}
            piece = {"delta": {"content": word, **thought}} if chat else {"text": word}
            reason = "stop" if index == len(words) - 1 else None
            yield _event({"choices": [{"index": 0, **piece, "finish_reason": reason}]})
            if owner.behaviour == "error":
                yield _event({"error": {"message": "secret words", "type": "InternalServerError", "code": 500}})
                yield b"data: [DONE]\n\n"
            if owner.behaviour in ("truncated", "no_done", "reset"):
                return
        yield _event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(words)}})
        yield b"data: [DONE]\n\n"

    def _json(self, status: int, value: object) -> None:
        self._whole(status, json.dumps(value).encode(), "application/json")

    def _whole(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"
