"""Asks the engine for completions: one connection per request, streamed, ended at a hard deadline.

It stands on http.client rather than on requests: the deadline must end a request wherever it hangs, which takes
the socket; redirects, proxies and .netrc must never see the key; certificates are judged as the poller judges them.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

from forewarn import __version__
from forewarn.probes.reply import Ask, Reply, Served
from forewarn.probes.stream import MAX_LINE, Stream, StreamError, named_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from forewarn.clock import Clock

T = TypeVar("T")

_MAX_BODY = 1 << 20
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _BUSY = 200, 401, 403, 404, 429
_SERVER_ERROR = 500
_REDIRECTS = range(300, 400)


class Asker(Protocol):
    """What probes need of an engine."""

    def served(self, deadline: float) -> Served | Reply:
        """The first model served, remembered, or why it cannot be told; `deadline` in seconds."""

    def ask(self, ask: Ask, deadline: float) -> Reply:
        """Ask for a completion and read it to its end, within `deadline` seconds. Never raises."""

    def forget(self) -> None:
        """Forget the model's name: the engine's process is a new one."""


class Client:
    """The engine's /v1 paths. Not thread-safe: one request at a time. `api_key` gives the key of now, "" for none."""

    def __init__(self, url: str, api_key: Callable[[], str], clock: Clock, model: str = "") -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._base = parts.path.rstrip("/")
        self._api_key = api_key
        self._clock = clock
        self._model = model
        self._served: Served | None = None

    def served(self, deadline: float) -> Served | Reply:
        """The model that is configured or else the first one served; a failure is a Reply."""
        if self._served is not None:
            return self._served
        exchange = _Exchange(self._connection(deadline), self._clock, deadline)
        found = exchange.run(lambda: self._list_models(exchange))
        if isinstance(found, Served):
            self._served = found
        return found

    def ask(self, ask: Ask, deadline: float) -> Reply:
        """Ask for a completion; finding the model's name is within the deadline."""
        exchange = _Exchange(self._connection(deadline), self._clock, deadline)
        return exchange.run(lambda: self._complete(exchange, ask))

    def forget(self) -> None:
        """Ask for the model's name anew."""
        self._served = None

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)

    def _headers(self) -> dict[str, str]:
        key = self._api_key()
        secret = {"Authorization": f"Bearer {key}"} if key else {}
        return {"User-Agent": f"forewarn-probe/{__version__}", "Content-Type": "application/json", **secret}

    def _list_models(self, exchange: _Exchange) -> Served:
        body = exchange.whole("GET", self._base + "/v1/models", None, self._headers())
        try:
            rows = [row for row in json.loads(body)["data"] if isinstance(row["id"], str)]
            # Adapters are listed after what they adapt, with a parent.
            row = next(r for r in rows if (r["id"] == self._model if self._model else r.get("parent") is None))
        except StopIteration:
            raise StreamError("refused", "the engine does not serve the model that is asked for") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise StreamError("protocol", "answer of /v1/models is not a list of models") from None
        length = row.get("max_model_len")
        return Served(row["id"], length if isinstance(length, int) and length > 0 else None)

    def _complete(self, exchange: _Exchange, ask: Ask) -> Reply:
        model = ask.model
        if model is None:
            self._served = self._served or self._list_models(exchange)
            model = self._served.name
        body = {**ask.fields, "model": model, "stream": True, "stream_options": {"include_usage": True}}
        path = self._base + ("/v1/chat/completions" if ask.chat else "/v1/completions")
        return exchange.stream(path, json.dumps(body).encode(), self._headers())


class _Exchange:
    """One deadline over everything that is said on one connection."""

    def __init__(self, connection: http.client.HTTPConnection, clock: Clock, deadline: float) -> None:
        self._connection = connection
        self._clock = clock
        self._deadline = deadline
        self._started = clock.monotonic()
        self._late = threading.Event()
        self._socket: socket.socket | None = None
        self._answered = False

    def run(self, talk: Callable[[], T]) -> T | Reply:
        """Talk, and cut the connection at the deadline wherever that is."""
        watchdog = threading.Timer(self._deadline, self._cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            return talk()
        except StreamError as error:
            result, detail = error.result, str(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            result, detail = _result_of(error, answered=self._answered)
        finally:
            watchdog.cancel()
            self._connection.close()
        if self._late.is_set() or result == "timeout":
            result, detail = "timeout", f"no whole answer within {self._deadline:g} s"
        return Reply(result, detail, duration=self._clock.monotonic() - self._started)

    def whole(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        """The body of a short answer with status 200."""
        response = self._send(method, path, body, headers)
        data = response.read(_MAX_BODY + 1)
        if len(data) > _MAX_BODY:
            raise StreamError("protocol", f"answer of {path} is larger than a mebibyte")
        return data

    def stream(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """The reply that a stream gives; TTFT counts from here, so that finding the model is not in it."""
        sent = self._clock.monotonic()
        response = self._send("POST", path, body, headers)
        return Stream(lambda: self._clock.monotonic() - sent).read(_lines(response))

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        self._connection.request(method, path, body, headers)
        # The connection lets go of its socket when the answer is to end with it.
        self._socket = self._connection.sock
        if self._late.is_set():
            raise TimeoutError
        response = self._connection.getresponse()
        self._answered = True
        if response.status != _OK:
            raise _refusal(response, path)
        return response

    def _cut(self) -> None:
        self._late.set()
        sock = self._socket or self._connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while line := response.readline(MAX_LINE + 1):
        yield line


def _refusal(response: http.client.HTTPResponse, path: str) -> StreamError:
    """What a status other than 200 means."""
    status = response.status
    try:
        body = json.loads(response.read(_MAX_BODY))
    except (ValueError, RecursionError, http.client.HTTPException):
        body = None
    detail = f"HTTP status {status} from {path}{named_error(body)}, expected 200"
    if status in _REDIRECTS:
        return StreamError("redirect", detail)
    if status in (_UNAUTHORIZED, _FORBIDDEN):
        return StreamError("unauthorized", detail + ": set engine.api_key or engine.api_key_file")
    if status == _BUSY:
        return StreamError("busy", detail)
    if status >= _SERVER_ERROR:
        return StreamError("http_error", detail)
    if _has_no_completions(status, body):
        return StreamError("unsupported", detail)
    return StreamError("refused", detail)


def _has_no_completions(status: int, body: object) -> bool:
    """Whether the engine cannot complete at all: an unknown path (no error body), or a model for pooling."""
    if not isinstance(body, dict):
        return False
    error = body.get("error", body)
    message = str(error.get("message", "")) if isinstance(error, dict) else ""
    return (status == _NOT_FOUND and body == {"detail": "Not Found"}) or "does not support Completions" in message


def _result_of(error: Exception, *, answered: bool) -> tuple[str, str]:
    """The result and a line for what the connection raised."""
    if isinstance(error, TimeoutError):
        return "timeout", ""
    if isinstance(error, ConnectionRefusedError):
        return "unreachable", "connection refused"
    if answered and isinstance(error, OSError | http.client.IncompleteRead):
        return "truncated", "connection closed in the middle of the answer"
    if isinstance(error, ConnectionError):
        return "unreachable", "connection closed before any answer"
    if isinstance(error, OSError):
        return "unreachable", (error.strerror or type(error).__name__)[:120]
    return "protocol", f"answer is not HTTP ({type(error).__name__})"
