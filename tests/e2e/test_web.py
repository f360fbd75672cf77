"""The real sidecar behind TLS and passwords: who gets in, what a change of its files does, who starves whom."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.stack import PHASE
from tests.tools.web_files import AUTHORITY, MUTUAL, PASSWORD, TLS, WebFolder, client_context, hashed, tls_section
from tools.demo import prometheus
from tools.demo.processes import HOST, answers, free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.stack import Stack

DEPLOY = Path(__file__).parents[2] / "deploy"
CLIENT = (str(TLS / "client.pem"), str(TLS / "client.key"))
USERS = {"basic_auth_users": {"prometheus": hashed(cost=6)}}


class Secured:
    """A sidecar with a web configuration file, and questions to it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.web = WebFolder(stack.folder)
        self.log = stack.folder / "forewarn.log"

    def start(self, path: str) -> None:
        """Watch a simulated engine, set up by the file at `path`."""
        folder, (_, port) = self.stack.folder, self.stack.engine.split(":")
        scenario = {"name": "test", "seed": 1, "at_end": "loop", "phases": [{**PHASE, "duration": 600}]}
        (folder / "scenario.yaml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
        engine = [sys.executable, "-m", "lab.vllm_sim", "--scenario", str(folder / "scenario.yaml"), "--port", port]
        self.stack.children.start("engine", engine)
        run = [sys.executable, "-m", "forewarn", "run", "--engine-url", f"http://{self.stack.engine}"]
        self.stack.children.start("forewarn", [*run, "--listen", self.stack.sidecar, "--web.config.file", path])
        self.stack.children.wait_for("the sidecar", lambda: "forewarn started" in self.said(), 30)

    def said(self) -> str:
        """The sidecar's log."""
        return self.log.read_text(encoding="utf-8")

    def get(self, path: str = "/metrics", method: str = "GET", **more: Any) -> requests.Response:  # noqa: ANN401  as requests has it
        """A request with a certificate and a password; `more` replaces them."""
        given = {"cert": CLIENT, "auth": ("prometheus", PASSWORD), "verify": str(AUTHORITY), **more}
        return requests.request(method, f"https://{self.stack.sidecar}{path}", timeout=10, **given)

    def certificate(self) -> dict[str, object]:
        """What the server shows now."""
        host, port = self.stack.sidecar.split(":")
        with closing(
            client_context("client").wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)
        ) as c:
            return dict(c.getpeercert() or {})

    def polls(self) -> float:
        """Polls that worked, so far."""
        families = text_string_to_metric_families(self.get().text)
        samples = [sample for family in families for sample in family.samples if sample.name == "forewarn_polls_total"]
        return sum(sample.value for sample in samples if sample.labels["result"] == "success")


@pytest.fixture
def secured(stack: Stack) -> Secured:
    """A folder with certificates; nothing runs yet."""
    return Secured(stack)


def test_certificate_and_password_both_count(secured: Secured) -> None:
    """Right, wrong, missing, unknown; every path; methods and sizes; and nothing of it in the log."""
    secured.start(secured.web.write(tls_section(**MUTUAL, client_allowed_sans=["prometheus"]), USERS))
    for path in ("/", "/metrics", "/api/status", "/plan", "/static/status.js"):
        assert secured.get(path).status_code == 200
        for auth in (None, ("prometheus", "wrong"), ("nobody", PASSWORD), ("", "")):
            refused = secured.get(path, auth=auth)
            assert (refused.status_code, refused.text) == (401, "expected a user and a password\n")
    assert secured.get("/-/healthy", auth=None).status_code == 200
    secured.stack.until(lambda: secured.get("/-/ready", auth=None).text in {"ready\n", "not ready\n"})
    for cert in (None, (str(TLS / "stranger.pem"), str(TLS / "stranger.key"))):
        with pytest.raises(requests.exceptions.ConnectionError):
            secured.get(cert=cert)
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://{secured.stack.sidecar}/metrics", timeout=10)
    assert secured.get(method="DELETE").status_code == 405
    assert secured.get(headers={"X-Large": "x" * 20_000}).status_code == 431
    assert secured.get("/" + "x" * 20_000).status_code == 414
    assert secured.get(method="POST", data=b"x" * 200_000).status_code == 405
    assert secured.get("/-/quality", "POST", auth=None, data=b"x" * 200_000).status_code == 403
    log = secured.said()
    assert not any(secret in log for secret in (PASSWORD, "wrong", USERS["basic_auth_users"]["prometheus"][7:]))
    assert "Traceback" not in log


def test_a_real_prometheus_scrapes_with_the_example_files(secured: Secured) -> None:
    """deploy/web and deploy/prometheus as they are, with the tests' certificates; others' targets are down."""
    folder, web = secured.stack.folder, secured.web.folder
    for theirs, ours in (
        ("server.pem", "tls.crt"),
        ("server.key", "tls.key"),
        ("authority.pem", "ca.crt"),
        ("client.pem", "prometheus.crt"),
        ("client.key", "prometheus.key"),
    ):
        shutil.copy(web / theirs, web / ours)
    shutil.copy(DEPLOY / "web" / "web-config.yml", web / "web-config.yml")
    (folder / "forewarn.password").write_text("change me\n", encoding="utf-8")
    (folder / "wrong.password").write_text("changed\n", encoding="utf-8")
    secured.start(str(web / "web-config.yml"))
    example = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.secured.yml").read_text(encoding="utf-8"))
    example["global"]["scrape_interval"] = "1s"
    (job,) = example["scrape_configs"]
    job["static_configs"] = [{"targets": [secured.stack.sidecar]}]
    guess = {**job, "job_name": "guess", "basic_auth": {**job["basic_auth"], "password_file": "wrong.password"}}
    bare = {**job, "job_name": "bare", "tls_config": {"ca_file": "ca.crt"}}
    example["scrape_configs"] += [guess, bare]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(example), encoding="utf-8")
    port = free_port(0)
    secured.stack.children.start("prometheus", prometheus.command(["prometheus"], folder, port))
    base = f"http://{HOST}:{port}"
    secured.stack.children.wait_for("Prometheus", lambda: answers(f"{base}/-/ready"), 60)
    secured.stack.until(lambda: prometheus.value(base, 'llm_requests_running{job="forewarn"}') is not None)
    for name, up in (("forewarn", 1), ("guess", 0), ("bare", 0)):
        secured.stack.until(lambda n=name, u=up: prometheus.value(base, f'up{{job="{n}"}}') == u)


def test_files_that_change_count_and_broken_ones_do_not(secured: Secured) -> None:
    """A renewed certificate is shown without a restart; a broken file is one line, and who was let in still is."""
    path = secured.web.write(tls_section(**MUTUAL), USERS)
    secured.start(path)
    old = secured.certificate()
    with requests.Session() as kept:
        kept.cert, kept.auth, trusted = CLIENT, ("prometheus", PASSWORD), str(AUTHORITY)
        url = f"https://{secured.stack.sidecar}/metrics"
        assert kept.get(url, timeout=10, verify=trusted).ok
        secured.web.rotate()
        secured.stack.until(lambda: secured.certificate() != old)
        assert kept.get(url, timeout=10, verify=trusted).ok
    secured.web.write("basic_auth_users: {prometheus: hunter2}\n")
    line = f"web configuration stays as it was: {path}: basic_auth_users.prometheus: expected a bcrypt hash"
    secured.stack.until(lambda: line in secured.said())
    assert secured.get().ok
    assert secured.said().count(line) == 1
    os.kill(_pid(secured), signal.SIGHUP)
    secured.stack.until(lambda: secured.said().count(line) == 2)
    assert secured.get(auth=None).status_code == 401
    assert any(line in event["text"] for event in secured.get("/api/status").json()["events"])
    secured.web.write(tls_section(**MUTUAL), {"basic_auth_users": {"prometheus": hashed("new", 6)}})
    secured.stack.until(lambda: secured.get(auth=("prometheus", "new")).ok)
    assert secured.get().status_code == 401
    assert "hunter2" not in secured.said()


def _pid(secured: Secured) -> int:
    """The sidecar's process."""
    (found,) = [child.pid for name, child in secured.stack.children._running if name == "forewarn"]
    return found


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_two_hundred_half_open_clients_starve_no_scrape(secured: Secured, encrypted: bool) -> None:  # noqa: FBT001  a table
    """They say half a request, or half a handshake, and come back when they are cut off; scrapes and polls go on."""
    secured.start(secured.web.write(tls_section() if encrypted else "", USERS if encrypted else {}))
    ask: Callable[[], requests.Response] = (
        (lambda: secured.get(cert=None))
        if encrypted
        else (lambda: requests.get(f"http://{secured.stack.sidecar}/metrics", timeout=10))
    )
    host, port = secured.stack.sidecar.split(":")
    half = b"\x16\x03\x01\x02\x00\x01" if encrypted else b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: "
    clients = [_half_open(host, int(port), half) for _ in range(200)]
    before = _polls(ask().text)
    for number in range(100):
        clients[number * 2 % 200].close()
        clients[number * 2 % 200] = _half_open(host, int(port), half)
        for client in clients:
            with suppress(OSError):
                client.send(b"x")
        assert ask().status_code == 200
    secured.stack.until(lambda: _polls(ask().text) > before)
    threads = int(next(x for x in _status(_pid(secured)) if x.startswith("Threads:")).split()[1])
    assert threads < 2 * 128
    for client in clients:
        client.close()
    assert "Traceback" not in secured.said()


def _half_open(host: str, port: int, half: bytes) -> socket.socket:
    client = socket.create_connection((host, port), timeout=10)
    client.sendall(half)
    return client


def _polls(page: str) -> float:
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == "forewarn_polls_total")


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()


def test_old_versions_of_tls_are_refused(secured: Secured) -> None:
    """1.2 where the file says nothing of it, 1.3 alone where it says so."""
    secured.start(secured.web.write(tls_section(min_version="TLS13")))
    host, port = secured.stack.sidecar.split(":")
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with closing(socket.create_connection((host, int(port)), timeout=10)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname=host)
    assert secured.get(cert=None, auth=None).ok
