"""Nobody waits for anybody: hanging engines, odd clients, and only the asked address."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from forewarn.errors import ConfigError
from forewarn.scrape import Fetcher
from forewarn.web.listener import Server
from tests.tools.goldens import CAPTURE
from tests.tools.page_server import PageServer, Slow
from tests.tools.serving import ask, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.scrape import Response
    from tests.unit.conftest import Sidecar


class _Observed:
    """A page source that tells when a fetch began, and whether it ended."""

    def __init__(self, url: str) -> None:
        self._fetcher = Fetcher(url, 60.0, 1 << 24)
        self.began, self.ended = threading.Event(), threading.Event()

    def get(self, path: str) -> Response:
        """The engine's answer."""
        self.began.set()
        try:
            return self._fetcher.get(path)
        finally:
            self.ended.set()

    def close(self) -> None:
        """Drop the connection."""
        self._fetcher.close()


def test_a_scrape_does_not_wait_for_a_hanging_engine(sidecar: Callable[..., Sidecar]) -> None:
    """While a poll hangs every path is answered, and the poll still hangs afterwards."""
    with PageServer(CAPTURE.read_text(encoding="utf-8")) as engine:
        engine.fail(Slow(60.0))
        source = _Observed(engine.url)
        built = sidecar(source)
        poll = threading.Thread(target=built.parts.poller.poll_once)
        with serving(built.parts.web) as port:
            poll.start()
            assert source.began.wait(10.0)
            for path in ("/metrics", "/api/status", "/-/healthy", "/-/ready", "/"):
                assert ask(port, path)[0].status in {200, 503}
            assert not source.ended.is_set()
        engine.heal()
        engine.closing.set()
        poll.join(10.0)
        source.close()
    assert source.ended.is_set()


def _names(page: str) -> list[str]:
    return [line.rpartition(" ")[0] for line in page.splitlines()]


def test_many_clients_at_once_are_all_served(port: int) -> None:
    """A hundred scrapes over sixteen threads are whole pages with the same names."""
    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(lambda _: ask(port, "/metrics")[1], range(100)))
    assert {frozenset(_names(body)) for body in bodies} == {frozenset(_names(bodies[0]))}


def test_clients_that_say_nothing_block_nobody(port: int) -> None:
    """Connections without a request, or with half of one, leave the server to others."""
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for connection in silent[::2]:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHo")
    assert ask(port, "/metrics")[0].status == 200
    for connection in silent:
        connection.close()


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"x" * 70_000 + b"\r\n"]
)
def test_what_is_not_http_harms_nothing(port: int, sent: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """A TLS hello, half a request line and a line without end are turned away without a traceback."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10.0)) as connection:
        connection.sendall(sent)
        connection.recv(1 << 16)
    assert ask(port, "/-/healthy")[0].status == 200
    assert capsys.readouterr().err == ""


def test_a_client_that_leaves_in_the_middle_is_no_traceback(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A reset while the answer is being written is the client's business."""
    for _ in range(5):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()
    assert ask(port, "/-/healthy")[0].status == 200
    assert capsys.readouterr().err == ""


def test_a_host_is_the_only_address_served(healthy: Sidecar) -> None:
    """With a host given other addresses of the machine refuse."""
    with serving(healthy.parts.web, "127.0.0.1:0") as port:
        for other in ("127.0.0.2", "::1"):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((other, port), timeout=5.0)


def test_without_a_host_both_address_families_are_served(healthy: Sidecar) -> None:
    """`:PORT` means every address, IPv4 and IPv6."""
    with serving(healthy.parts.web, ":0") as port:
        assert ask(port, "/-/healthy")[0].status == 200
        assert ask(port, "/-/healthy", host="::1")[0].status == 200


def test_an_ipv6_host_is_served_alone(healthy: Sidecar) -> None:
    """`[::1]:PORT` listens there and not on 127.0.0.1."""
    with serving(healthy.parts.web, "[::1]:0") as port:
        assert ask(port, "/-/healthy", host="::1")[0].status == 200
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5.0)


def test_an_address_in_use_is_one_line(healthy: Sidecar, port: int) -> None:
    """The error names the setting, the address and the reason."""
    with pytest.raises(ConfigError) as caught:
        Server(f"127.0.0.1:{port}", healthy.parts.web)
    assert str(caught.value) == (
        f"server.listen: expected an address to listen on, got 127.0.0.1:{port}: Address already in use"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "x" * 70])
def test_an_address_that_is_not_this_machine_s_is_one_line(healthy: Sidecar, host: str) -> None:
    """Foreign addresses, unknown names and impossible ones are told as settings."""
    with pytest.raises(
        ConfigError, match=f"^server.listen: expected an address to listen on, got {host}:1: ."
    ) as caught:
        Server(f"{host}:1", healthy.parts.web)
    assert "\n" not in str(caught.value)
