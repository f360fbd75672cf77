"""Stands before the application: who may ask, and which headers every answer carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn.web.live import FULL, NO_CERTIFICATE, NO_PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from forewarn.web.live import Loaded

PROBES = frozenset({"/-/healthy", "/-/ready"})
OWN_TOKEN = frozenset({"/-/quality"})
"""Closed without a token of its own, which takes the one Authorization header that a request has."""
TERSE = "forewarn.terse"
"""Set in the environment of a request whose sender is not known: it learns no reasons."""
_ASK = ("WWW-Authenticate", 'Basic realm="forewarn", charset="UTF-8"')


class Guard:
    """The application behind its checks. `current` tells the configuration in force."""

    def __init__(self, app: WSGIApplication, current: Callable[[], Loaded], probe_access: str = NO_PASSWORD) -> None:
        self._app = app
        self._current = current
        self._access = probe_access

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, or say why not."""
        loaded = self._current()
        answer = _with_headers(start_response, loaded.config.headers)
        path = environ["PATH_INFO"]
        known = not loaded.requires_certificate or bool(environ.get("forewarn.certified"))
        if not known and not (path in PROBES and self._access == NO_CERTIFICATE):
            return _refuse(answer, "403 Forbidden", "expected a client certificate\n")
        if loaded.passwords is not None and path not in OWN_TOKEN:
            open_path = path in PROBES and self._access != FULL
            header = environ.get("HTTP_AUTHORIZATION", "")
            # A probe that brings no password is not worth a check.
            verdict = "wrong" if open_path and not header else loaded.passwords.check(loaded.config.users, header)
            known = known and verdict == "right"
            if verdict == "busy" and not open_path:
                return _refuse(answer, "503 Service Unavailable", "too many wrong passwords, try again\n")
            if verdict != "right" and not open_path:
                return _refuse(answer, "401 Unauthorized", "expected a user and a password\n", _ASK)
        return self._app({**environ, TERSE: not known}, answer)


def _with_headers(start_response: StartResponse, headers: tuple[tuple[str, str], ...]) -> StartResponse:
    """Add what the file wants to what the application does not say itself."""
    if not headers:
        return start_response

    def start(status: str, fields: list[tuple[str, str]], _exc_info: object = None, /) -> Callable[[bytes], object]:
        said = {name.lower() for name, _ in fields}
        more = [(name, text) for name, text in headers if name.lower() not in said]
        return start_response(status, [*fields, *more])

    return start


def _refuse(start_response: StartResponse, status: str, text: str, *fields: tuple[str, str]) -> Iterable[bytes]:
    body = text.encode()
    start_response(
        status,
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
            *fields,
        ],
    )
    return [body]
