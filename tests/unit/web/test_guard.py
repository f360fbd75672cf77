"""Who may ask for what: every path, under every protection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forewarn.web.guard import TERSE, Guard
from forewarn.web.live import OPEN, Live
from tests.tools.web_files import MUTUAL, PASSWORD, hashed, tls_section
from tests.unit.web.test_passwords import header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from tests.tools.web_files import WebFolder

USERS = {"basic_auth_users": {"alice": hashed()}}
PATHS = ("/", "/metrics", "/api/status", "/plan", "/static/status.js", "/runbooks/x", "/nothing")
PROBES = ("/-/healthy", "/-/ready")
RIGHT = {"HTTP_AUTHORIZATION": header("alice", PASSWORD)}
WRONG = {"HTTP_AUTHORIZATION": header("alice", "guess")}


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stands in for the pages: says whether it is told to be terse."""
    start_response("200 OK", [("X-Content-Type-Options", "nosniff"), ("Terse", str(environ[TERSE]))])
    return [b"page"]


Asked = tuple[int, dict[str, str]]


@pytest.fixture
def asking(web: WebFolder) -> Callable[..., Callable[..., Asked]]:
    """Ask a guard that a file of these sections sets up."""

    def made(*sections: dict[str, object], access: str = "no-password") -> Callable[..., Asked]:
        live = Live(web.write(*sections), access)
        guard = Guard(page, live.current, access)

        def ask(path: str, **environ: object) -> Asked:
            said: list[Asked] = []

            def start(status: str, fields: list[tuple[str, str]], _info: object = None, /) -> Callable[..., object]:
                said.append((int(status[:3]), dict(fields)))
                return lambda _: None

            body = b"".join(guard({"PATH_INFO": path, "REQUEST_METHOD": "GET", **environ}, start))
            assert (body == b"page") == (said[0][0] == 200)
            return said[0]

        return ask

    return made


def test_without_a_file_everybody_may_ask(asking: Callable[..., Callable[..., Asked]]) -> None:
    """And learns reasons."""
    assert Guard(page, lambda: OPEN)
    ask = asking()
    assert {ask(path)[0] for path in PATHS + PROBES} == {200}
    assert ask("/-/ready")[1]["Terse"] == "False"


@pytest.mark.parametrize("path", PATHS)
def test_a_password_opens_every_page(asking: Callable[..., Callable[..., Asked]], path: str) -> None:
    """Missing or wrong it is 401 with a challenge, right it is the page."""
    ask = asking(USERS)
    for refused in (ask(path), ask(path, **WRONG), ask(path, HTTP_AUTHORIZATION="Bearer x")):
        assert refused[0] == 401
        assert refused[1]["WWW-Authenticate"] == 'Basic realm="forewarn", charset="UTF-8"'
    assert ask(path, **RIGHT)[0] == 200


def test_probes_need_no_password_and_learn_no_reasons(asking: Callable[..., Callable[..., Asked]]) -> None:
    """The kubelet gets its status; with the password there are reasons too, with a wrong one there are not."""
    ask = asking(USERS)
    for path in PROBES:
        assert ask(path) == (200, {"X-Content-Type-Options": "nosniff", "Terse": "True"})
        assert ask(path, **WRONG)[1]["Terse"] == "True"
        assert ask(path, **RIGHT)[1]["Terse"] == "False"


@pytest.mark.parametrize("path", ["/-/ready/", "//-/ready", "/-/READY", "/-/ready/../../metrics", "/-/quality/"])
def test_only_the_probes_themselves_are_open(asking: Callable[..., Callable[..., Asked]], path: str) -> None:
    """What looks like them is a page as others are."""
    assert asking(USERS)(path)[0] == 401


def test_full_access_protects_probes_too(asking: Callable[..., Callable[..., Asked]]) -> None:
    """As exporter-toolkit does."""
    ask = asking(USERS, access="full")
    assert {ask(path)[0] for path in PROBES} == {401}
    assert ask("/-/ready", **RIGHT)[1]["Terse"] == "False"


def test_scores_are_posted_with_their_own_token(asking: Callable[..., Callable[..., Asked]]) -> None:
    """A request has one Authorization header; the path is closed until a token is set."""
    assert asking(USERS)("/-/quality", HTTP_AUTHORIZATION="Bearer x")[0] == 200


@pytest.mark.parametrize("access", ["full", "no-password"])
def test_a_required_certificate_is_required_everywhere(
    asking: Callable[..., Callable[..., Asked]], access: str
) -> None:
    """Should a connection without one ever get here."""
    ask = asking(tls_section(**MUTUAL), access=access)
    assert {ask(path)[0] for path in (*PATHS, *PROBES, "/-/quality")} == {403}
    assert {ask(path, **{"forewarn.certified": True})[0] for path in PATHS + PROBES} == {200}


def test_probes_may_be_open_without_a_certificate(asking: Callable[..., Callable[..., Asked]]) -> None:
    """Where the kubelet has none: they are terse, and nothing else is open."""
    ask = asking(tls_section(**MUTUAL), USERS, access="no-certificate")
    assert {ask(path)[0] for path in (*PATHS, "/-/quality")} == {403}
    assert {ask(path, **RIGHT)[0] for path in PATHS} == {403}
    assert [ask(path)[1]["Terse"] for path in PROBES] == ["True", "True"]
    certified = {"forewarn.certified": True}
    assert ask("/metrics", **certified)[0] == 401
    assert ask("/metrics", **certified, **RIGHT)[0] == 200


def test_headers_of_the_file_are_added_and_replace_none(asking: Callable[..., Callable[..., Asked]]) -> None:
    """On pages and on refusals; what the application says itself stays."""
    headers = {"Strict-Transport-Security": "max-age=9", "Content-Security-Policy": "default-src *"}
    ask = asking(USERS, {"http_server_config": {"headers": headers}})
    assert ask("/metrics", **RIGHT)[1]["Strict-Transport-Security"] == "max-age=9"
    refused = ask("/metrics")[1]
    assert refused["Strict-Transport-Security"] == "max-age=9"
    assert refused["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
