"""The sidecar's pages: a WSGI application."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs

from prometheus_client import Metric

from forewarn import rulepack
from forewarn.quality_post import QualityPost
from forewarn.rendering import Rendering
from forewarn.web.guard import TERSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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


class Exposed(Protocol):
    """What is exported."""

    def parts(self) -> Sequence[Sequence[Metric]]:
        """The families as they are now; a part that is the same object as before is unchanged."""


def _named(exposition: Exposed, names: Iterable[str]) -> list[Metric]:
    """Families with only the samples of the given names."""
    wanted, found = frozenset(names), []
    for family in (family for part in exposition.parts() for family in part):
        samples = [sample for sample in family.samples if sample.name in wanted]
        if samples:
            named = Metric(family.name, family.documentation, family.type)
            named.samples = samples
            found.append(named)
    return found


class WebApp:
    """Routes: `/metrics`, `/-/healthy`, `/-/ready`, `/api/status`, `/plan`, `/` and its files; `POST /-/quality`."""

    def __init__(
        self,
        exposition: Exposed,
        ready: Callable[[], tuple[bool, str]],
        status: Callable[[], object],
        post: Post | None = None,
    ) -> None:
        self._exposition = exposition
        self._rendering = Rendering(exposition.parts)
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
        names = parse_qs(environ.get("QUERY_STRING", "")).get("name[]")
        rendering = Rendering(lambda: [_named(self._exposition, names)]) if names else self._rendering
        return _answer(start_response, "200 OK", *rendering.page(environ.get("HTTP_ACCEPT", "")))

    def _healthy(self, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _answer(start_response, "200 OK", "forewarn is healthy\n")

    def _readiness(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        ready, reason = self._ready()
        if environ.get(TERSE):
            reason = "ready" if ready else "not ready"
        return _answer(start_response, "200 OK" if ready else "503 Service Unavailable", reason + "\n")

    def _runbook(self, name: str, start_response: StartResponse) -> Iterable[bytes]:
        text = rulepack.runbooks().get(name)
        if text is None:
            return _answer(start_response, "404 Not Found", "no such runbook\n")
        return _answer(start_response, "200 OK", text)

    def _api_status(self, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = json.dumps(self._status(), allow_nan=False).encode()
        return _answer(start_response, "200 OK", body, "application/json")


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
