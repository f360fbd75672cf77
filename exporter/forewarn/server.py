"""The sidecar's HTTP side: a WSGI application and the server that runs it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import sys
from _thread import start_new_thread
from importlib.resources import files
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from forewarn import rulepack
from forewarn.config_values import split_listen
from forewarn.errors import ConfigError
from forewarn.quality_post import QualityPost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from forewarn.probes.inbox import Post

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGES = {"/": "status.html", "/plan": "planner.html"}
_CLIENT_TIMEOUT = 10.0
"""Seconds after which a client that neither sends nor takes bytes is dropped."""


class _Named(Collector):
    """The samples of a registry with the given names."""

    def __init__(self, registry: Collector, names: Iterable[str]) -> None:
        self._registry = registry
        self._names = frozenset(names)

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            samples = [sample for sample in family.samples if sample.name in self._names]
            if samples:
                named = Metric(family.name, family.documentation, family.type)
                named.samples = samples
                yield named


class WebApp:
    """Routes: `/metrics`, `/-/healthy`, `/-/ready`, `/api/status`, `/plan`, `/` and its files; `POST /-/quality`."""

    def __init__(
        self,
        registry: Collector,
        ready: Callable[[], tuple[bool, str]],
        status: Callable[[], object],
        post: Post | None = None,
    ) -> None:
        self._registry = registry
        self._ready = ready
        self._status = status
        self._quality = QualityPost(post)
        self._static = _static_files()
        self._routes: dict[str, WSGIApplication] = {
            "/metrics": self._metrics,
            "/-/healthy": self._healthy,
            "/-/ready": self._readiness,
            "/api/status": self._api_status,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "/")
        method = environ.get("REQUEST_METHOD")
        if path == "/-/quality":
            return _answer(start_response, *self._quality(environ))
        if method not in ("GET", "HEAD"):
            return _answer(start_response, "405 Method Not Allowed", "expected GET\n", extra=[("Allow", "GET, HEAD")])
        answer = self._get(path, environ, start_response)
        return answer if method == "GET" else []

    def _get(self, path: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if path in self._routes:
            return self._routes[path](environ, start_response)
        name = _PAGES.get(path) or (path.removeprefix("/static/") if path.startswith("/static/") else "")
        if path.startswith("/runbooks/"):
            return self._runbook(path.removeprefix("/runbooks/"), start_response)
        if name in self._static:
            body, kind, policy = self._static[name]
            return _answer(start_response, "200 OK", body, kind, policy=policy)
        return _answer(start_response, "404 Not Found", "expected /, /metrics, /-/healthy or /-/ready\n")

    def _metrics(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The page as Prometheus asks for it: text or OpenMetrics by Accept, `name[]` picks samples."""
        encode, kind = _encoder(environ.get("HTTP_ACCEPT", ""))
        names = parse_qs(environ.get("QUERY_STRING", "")).get("name[]")
        shown = _Named(self._registry, names) if names else self._registry
        return _answer(start_response, "200 OK", encode(shown), kind)

    def _healthy(self, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _answer(start_response, "200 OK", "forewarn is healthy\n")

    def _readiness(self, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        ready, reason = self._ready()
        return _answer(start_response, "200 OK" if ready else "503 Service Unavailable", reason + "\n")

    def _runbook(self, name: str, start_response: StartResponse) -> Iterable[bytes]:
        text = rulepack.runbooks().get(name)
        if text is None:
            return _answer(start_response, "404 Not Found", "no such runbook\n")
        return _answer(start_response, "200 OK", text)

    def _api_status(self, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = json.dumps(self._status(), allow_nan=False).encode()
        return _answer(start_response, "200 OK", body, "application/json")


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        return choose_encoder(accept)
    except (ValueError, TypeError):  # a version that is no number
        return choose_encoder("")


def _answer(
    start_response: StartResponse,
    status: str,
    body: str | bytes,
    kind: str = "text/plain; charset=utf-8",
    extra: Iterable[tuple[str, str]] = (),
    policy: str = _CSP,
) -> Iterable[bytes]:
    data = body.encode() if isinstance(body, str) else body
    start_response(
        status,
        [
            ("Content-Type", kind),
            ("Content-Length", str(len(data))),
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
            *extra,
        ],
    )
    return [data]


def _static_files() -> dict[str, tuple[bytes, str, str]]:
    """The pages' files by name, read once: body, type and policy."""
    found = {}
    for item in files("forewarn.pages").iterdir():
        suffix = "." + item.name.rpartition(".")[2]
        if item.is_file() and suffix in _TYPES:
            body = item.read_bytes()
            found[item.name] = (body, _TYPES[suffix], _policy(body) if suffix == ".html" else _CSP)
    return found


def _policy(page: bytes) -> str:
    """The policy of a page: scripts and styles within it are let in by their hash, so that nothing else is."""
    policy = _CSP
    for kind, text in _INLINE.findall(page):
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        name = f"{kind.decode()}-src"
        policy = policy.replace(f"{name} 'self'", f"{name} 'sha256-{digest}'")
    return policy


class _Handler(WSGIRequestHandler):
    """A request handler that keeps quiet and does not wait for ever."""

    timeout = _CLIENT_TIMEOUT

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's signature
        """Log nothing: a scrape every few seconds is no news."""


class Server(ThreadingMixIn, WSGIServer):
    """Serves each client in a thread of its own, so that a slow one holds up nobody."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, listen: str, app: WSGIApplication) -> None:
        """Bind and listen at once. Raises ConfigError when the address cannot be had."""
        host, port = split_listen(listen)
        self._dual = not host and socket.has_dualstack_ipv6()
        if self._dual or ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no usable host name"
            raise ConfigError("server.listen", f"expected an address to listen on, got {listen}: {reason}") from None
        self.set_app(app)

    def server_bind(self) -> None:
        """Bind, to both address families when no host is given, without asking DNS for this machine's name."""
        if self._dual:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None:  # noqa: ANN401  socketserver's own
        """Give the client a thread, and do not wait until it runs: short of memory, one may end before it begins."""
        start_new_thread(self.process_request_thread, (request, client_address))

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle of an answer is no error of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # socketserver types it loosely
