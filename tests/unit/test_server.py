"""The sidecar's HTTP side: what each path answers."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from forewarn.check import FilePage
from forewarn.errors import FetchError
from forewarn.signals import SIGNALS
from forewarn.status.indicators import INDICATORS
from tests.tools.goldens import CAPTURE
from tests.tools.serving import ask, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import Metric

    from forewarn.scrape import Response
    from tests.unit.conftest import Sidecar

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/plan", "text/html; charset=utf-8"),
        ("/static/status.css", "text/css; charset=utf-8"),
        ("/static/status.js", "text/javascript; charset=utf-8"),
        ("/static/favicon.svg", "image/svg+xml"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/-/healthy", "text/plain; charset=utf-8"),
        ("/-/ready", "text/plain; charset=utf-8"),
        ("/api/status", "application/json"),
    ],
)
def test_every_route_answers_with_its_type_and_strict_headers(port: int, path: str, kind: str) -> None:
    """Each path is 200, nothing may be framed, sniffed or stored, and HEAD is the same without a body."""
    answer, body = ask(port, path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert {name: answer.headers[name] for name in SECURITY} == SECURITY
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert int(answer.headers["Content-Length"]) == len(body.encode())
    head, nothing = ask(port, path, "HEAD")
    assert (head.status, head.headers["Content-Type"], nothing) == (200, kind, "")
    assert int(head.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    "path", ["/nothing", "/metrics/", "/static/", "/static/../server.py", "/static/%2e%2e/server.py", "/status.html"]
)
def test_other_paths_are_not_found(port: int, path: str) -> None:
    """Nothing but the routes and the page's own files is served."""
    answer, body = ask(port, path)
    assert (answer.status, body) == (404, "expected /, /metrics, /-/healthy or /-/ready\n")


def test_the_planner_runs_its_own_script_and_no_other(port: int) -> None:
    """Its script and its style are let in by their hash; nothing from elsewhere, and nothing inline, is."""
    answer, body = ask(port, "/plan")
    policy = answer.headers["Content-Security-Policy"]
    for tag in ("script", "style"):
        text = body.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "script-src 'self'" in ask(port, "/")[0].headers["Content-Security-Policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_not_allowed(port: int, method: str) -> None:
    """The server is read-only, and says which methods it takes."""
    answer, _ = ask(port, "/metrics", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def openmetrics_families(page: str) -> Iterable[Metric]:
    """Families of an OpenMetrics page."""
    return list(parse_openmetrics(page))  # type: ignore[no-untyped-call]  # the library leaves it untyped


def names(families: Iterable[Metric]) -> set[str]:
    """Sample names of parsed families."""
    return {sample.name for family in families for sample in family.samples}


def test_the_page_is_text_or_openmetrics_by_accept(port: int) -> None:
    """Both forms parse by the library and show the same samples."""
    _, text = ask(port, "/metrics", headers={"Accept": "text/plain;version=0.0.4"})
    answer, openmetrics = ask(port, "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.endswith("# EOF\n")
    assert names(parse_text(text)) == names(openmetrics_families(openmetrics))
    assert "llm_engine_up" in names(parse_text(text))


def test_what_prometheus_asks_for_is_understood(port: int) -> None:
    """The Accept header of Prometheus 3 gets a page it can read, uncompressed."""
    accept = (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,*/*;q=0.1"
    )
    answer, body = ask(port, "/metrics", headers={"Accept": accept, "Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] is None
    assert "llm_engine_up" in names(openmetrics_families(body))


def test_name_picks_samples(port: int) -> None:
    """`name[]` keeps exactly the named samples, in either form; unknown names give an empty page."""
    query = "/metrics?name[]=llm_requests_running&name[]=llm_queue_time_seconds_count&name[]=llm_preemptions_total"
    picked = {"llm_requests_running", "llm_queue_time_seconds_count", "llm_preemptions_total"}
    assert names(parse_text(ask(port, query)[1])) == picked
    assert ask(port, "/metrics?name[]=nothing")[1] == ""


def test_ready_follows_the_engine_and_healthy_does_not(sidecar: Callable[..., Sidecar]) -> None:
    """Readiness is 503 with the reason until the engine answered, and again when it is gone for too long."""
    built = sidecar(FilePage(str(CAPTURE)))
    with serving(built.parts.web) as port:
        answer, body = ask(port, "/-/ready")
        assert (answer.status, body) == (503, "engine not seen yet: no poll yet\n")
        built.parts.poller.poll_once()
        answer, body = ask(port, "/-/ready")
        assert (answer.status, body) == (200, "ready\n")
        built.parts.monitor.failed("refused", "connection refused")
        assert ask(port, "/-/ready")[0].status == 200
        built.clock.advance(7.0)
        answer, body = ask(port, "/-/ready")
        assert (answer.status, body) == (503, "engine unreachable for 7 s: connection refused\n")
        assert ask(port, "/-/healthy")[0].status == 200


def test_the_status_has_its_shape(port: int) -> None:
    """The JSON that the page draws has every part, each indicator every field."""
    status = json.loads(ask(port, "/api/status")[1])
    parts = {"now", "forewarn", "engine", "identity", "ready", "probes", "ranks", "signals", "events"}
    assert status.keys() == parts
    assert status["engine"]["up"] is True
    assert status["engine"]["state"] == "ok"
    assert status["engine"]["poll"] == {"mode": "full-only", "fast_seconds": None, "full_seconds": 1.0}
    assert status["identity"] == {"deployment": "tiny", "version": "", "track": "stable", "model": "tiny"}
    assert status["ready"] == {"ready": True, "reason": "ready"}
    assert [row["signal"] for row in status["signals"]] == [signal.name for signal in SIGNALS]
    (rank,) = status["ranks"]
    assert (rank["model"], rank["engine"]) == ("tiny", "0")
    assert [indicator["id"] for indicator in rank["indicators"]] == [indicator.id for indicator in INDICATORS]
    fields = {
        "id", "title", "unit", "value", "objective", "state", "leading", "exact", "series", "meaning", "first_step",
        "alert", "runbook", "missing_because", "history",
    }  # fmt: skip
    for indicator in rank["indicators"]:
        assert indicator.keys() >= fields
        assert (indicator["value"] is None) == bool(indicator["missing_because"])
        assert indicator["state"] in {"ok", "near", "over", "unknown"}


def test_the_status_of_a_dead_engine_has_the_same_shape(sidecar: Callable[..., Sidecar]) -> None:
    """Before the engine is ever seen the status says so and nothing is made up."""
    built = sidecar()
    built.parts.monitor.failed("refused", "connection refused")
    with serving(built.parts.web) as port:
        status = json.loads(ask(port, "/api/status")[1])
    assert status["engine"]["state"] == "unreachable"
    assert (status["engine"]["up"], status["engine"]["sample_age_seconds"], status["ranks"]) == (False, None, [])
    assert status["ready"]["ready"] is False


def test_a_source_that_fails_is_no_server_error(sidecar: Callable[..., Sidecar]) -> None:
    """With the engine gone the page is still 200, and says that it is gone."""

    class Gone:
        def get(self, path: str) -> Response:
            raise FetchError("refused", f"connection refused for {path}")

        def close(self) -> None:
            """Nothing to drop."""

    built = sidecar(Gone())
    built.parts.poller.poll_once()
    with serving(built.parts.web) as port:
        answer, body = ask(port, "/metrics")
    assert answer.status == 200
    assert 'llm_engine_up{deployment="",engine="0",model="",track="stable",version=""} 0.0\n' in body


@pytest.mark.parametrize("version", ["x", "1.x.0", "", "1.0.0;version=y", "１"])
def test_a_version_of_openmetrics_that_is_no_number_gets_a_page(port: int, version: str) -> None:
    """What a client asks for in vain is not an error of ours; found by fuzzing."""
    accept = f"application/openmetrics-text;version={version}"
    answer, body = ask(port, "/metrics", headers={"Accept": accept.encode().decode("latin-1")})
    assert answer.status == 200
    assert "forewarn_build_info" in body
