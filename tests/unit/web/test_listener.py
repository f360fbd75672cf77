"""Connections: kept, limited, dropped, encrypted."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from forewarn.web import listener
from forewarn.web.connection import Limits
from forewarn.web.listener import Server
from forewarn.web.live import OPEN, Live
from tests.tools.web_files import MUTUAL, client_context, hashed, tls_section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from forewarn.web.live import Loaded
    from tests.tools.web_files import WebFolder

ONE = b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Says what it was asked, in bytes of a body where there is one. `/wait` waits, `/raise` raises."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        self.closed = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path = environ["PATH_INFO"]
        if path == "/wait":
            self.began.set()
            self.go_on.wait(10.0)
        if path == "/raise":
            raise LookupError("no such thing")
        body = environ["wsgi.input"].read() if path == "/read" else path.encode()
        if path == "/large":
            body = b"x" * (1 << 22)
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


class Running:
    """A server, its application, and what it reported."""

    def __init__(self, current: Callable[[], Loaded], limits: Limits) -> None:
        self.app = App()
        self.errors: list[Exception] = []
        self.server = Server("127.0.0.1:0", self.app, current, self.errors.append, limits)
        self.port = self.server.server_port

    def connect(self, context: ssl.SSLContext | None = None) -> socket.socket:
        """A client's connection, encrypted where there is a context."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10.0)
        return context.wrap_socket(plain, server_hostname="127.0.0.1") if context else plain

    def said(self, *sent: bytes, context: ssl.SSLContext | None = None) -> bytes:
        """Everything that comes back to what was sent, until the server closes."""
        with closing(self.connect(context)) as client:
            for part in sent:
                client.sendall(part)
            return b"".join(iter(lambda: client.recv(1 << 16), b""))

    def asked(self, path: str = "/one", context: ssl.SSLContext | None = None) -> int:
        """The status of a request."""
        with closing(self.connect(context)) as client:
            client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return int(client.recv(1 << 16).split(b" ")[1])


@contextmanager
def running(current: Callable[[], Loaded] = lambda: OPEN, limits: Limits | None = None) -> Iterator[Running]:
    """A server that serves."""
    made = Running(current, limits or Limits())
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.app.go_on.set()
        made.server.shutdown()
        thread.join()
        made.server.server_close()
        assert made.server._open == set()


def ended(client: socket.socket) -> bool:
    """Whether the server closes a connection without a word; waits until it does."""
    with suppress(ConnectionError):
        return client.recv(1) == b""
    return True


def test_a_connection_is_used_again() -> None:
    """Three requests one after the other, one of them with a body, over one connection."""
    with running() as here, closing(http.client.HTTPConnection("127.0.0.1", here.port, timeout=10.0)) as client:
        for path, body in (("/one", None), ("/read", b"abc"), ("/two", None)):
            client.request("POST" if body else "GET", path, body)
            used = client.sock
            assert client.getresponse().read() == (body or path.encode())
            assert client.sock is used
        assert len(here.server._open) == 1


def test_requests_that_come_at_once_are_answered_in_turn() -> None:
    """Pipelined, and torn apart at any byte."""
    last = b"\r\nGET /two HTTP/1.1\r\nConnection: close\r\n\r\n"
    with running() as here:
        said = here.said(ONE + last)
        torn = here.said(*(bytes([byte]) for byte in ONE + last))
        for answers in (said, torn):
            assert answers.count(b"HTTP/1.1 200 OK\r\n") == 2
            assert answers.index(b"/one") < answers.index(b"/two")


def test_a_body_that_is_waited_for_is_asked_for() -> None:
    """`Expect: 100-continue` is answered when the application reads, and not when it does not."""
    head = b"POST %s HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    with running() as here:
        assert here.said(head % b"/read", b"abc").startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
        assert here.said(head % b"/one", b"abc").startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_body_that_nobody_reads_ends_the_connection() -> None:
    """Its bytes are never taken for a request, and the answer arrives although more was sent."""
    body = ONE * 1000
    head = f"POST /one HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with running() as here:
        said = here.said(head + body)
        assert said.count(b"HTTP/1.1") == 1
        assert b"Connection: close\r\n" in said


def test_what_is_too_large_is_said() -> None:
    """A line without end, too much of a head, and everything else that is no request."""
    with running() as here:
        assert here.said(b"GET /" + b"x" * 20_000).startswith(b"HTTP/1.1 414 ")
        assert here.said(b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000).startswith(b"HTTP/1.1 431 ")
        assert here.said(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").startswith(b"HTTP/1.1 411 ")
        assert here.said(b"\x00\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_defect_costs_one_answer() -> None:
    """The client gets a 500, the report gets the error, the next request an answer."""
    with running() as here:
        assert here.said(b"GET /raise HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 500 ")
        assert [str(error) for error in here.errors] == ["no such thing"]
        assert here.asked() == 200


SLOW = Limits(head_seconds=0.1, request_seconds=0.3, idle_seconds=0.1)


def drip(client: socket.socket, byte: bytes) -> None:
    """Send a byte at a time, each before a silence would be too long, until the server has had enough."""
    waiter = threading.Event()
    with suppress(OSError):
        for _ in range(1000):
            client.sendall(byte)
            waiter.wait(0.02)
        pytest.fail("still connected")


@pytest.mark.parametrize(
    "sent", [b"", b"GET /one HTTP/1.1\r\nHo", b"POST /read HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"]
)
def test_a_client_that_stops_is_dropped(sent: bytes) -> None:
    """Before a request, within its head, and within its body: of those that stop, none stays."""
    with running(limits=SLOW) as here, closing(here.connect()) as client:
        client.sendall(sent)
        while client.recv(1 << 16):
            pass


@pytest.mark.parametrize("sent", [b"GET /one HTTP/1.1\r\nA: ", b"POST /read HTTP/1.1\r\nContent-Length: 9999\r\n\r\n"])
def test_a_client_that_drips_is_dropped(sent: bytes) -> None:
    """Time counts for the whole head and for the whole request, not for each byte."""
    with running(limits=SLOW) as here, closing(here.connect()) as client:
        client.sendall(sent)
        drip(client, b"x")


def test_a_kept_connection_is_not_kept_for_ever() -> None:
    """Silent after its answer it is closed."""
    with running(limits=SLOW) as here, closing(here.connect()) as client:
        client.sendall(ONE)
        client.recv(1 << 16)
        assert ended(client)


def test_a_client_that_does_not_read_is_dropped() -> None:
    """An answer that nobody takes holds a thread only so long."""
    with running(limits=SLOW) as here, closing(here.connect()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /large HTTP/1.1\r\n\r\n")
        waiter = threading.Event()
        assert any(waiter.wait(0.01) or not here.server._open for _ in range(3000))


FEW = Limits(connections=4, patience=60.0)


def test_those_who_wait_make_room_for_those_who_ask() -> None:
    """At the limit the oldest that never asked goes first; one that was answered before stays longer."""
    with running(limits=FEW) as here, closing(here.connect()) as known:
        known.sendall(ONE)
        known.recv(1 << 16)
        silent = [here.connect() for _ in range(3)]
        silent[1].sendall(b"GET /")
        for oldest in silent:
            assert here.asked() == 200
            assert ended(oldest)
        known.sendall(ONE)
        assert b"/one" in known.recv(1 << 16)
        for each in silent:
            each.close()


def test_two_hundred_half_open_clients_keep_nobody_from_asking() -> None:
    """Each scrape among them is answered, and there are never more connections than may be."""
    with running(limits=FEW) as here:
        half_open = []
        for _ in range(200):
            half_open.append(here.connect())
            half_open[-1].sendall(b"GET /metrics HTTP/1.1\r\n")
            assert here.asked() == 200
            assert len(here.server._open) <= 2 * FEW.connections
        for each in half_open:
            each.close()


def test_where_all_are_being_answered_a_newcomer_is_turned_away() -> None:
    """Until one of them is done; nobody who is being served is cut off for it."""
    with running(limits=Limits(connections=1, patience=60.0)) as here, closing(here.connect()) as busy:
        busy.sendall(b"GET /wait HTTP/1.0\r\n\r\n")
        assert here.app.began.wait(10.0)
        with closing(here.connect()) as newcomer:
            assert ended(newcomer)
        here.app.go_on.set()
        assert b"/wait" in busy.recv(1 << 16)


def test_an_answer_that_takes_too_long_makes_room_as_well() -> None:
    """Past the patience of the server."""
    with running(limits=Limits(connections=1, patience=0.0)) as here, closing(here.connect()) as busy:
        busy.sendall(b"GET /wait HTTP/1.0\r\n\r\n")
        assert here.app.began.wait(10.0)
        assert here.asked() == 200
        assert ended(busy)


def test_no_descriptor_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be accepted now is accepted later, and one that waits gives its descriptor."""
    accept = socket.socket.accept
    failing = threading.Event()

    def no_descriptor(self: socket.socket) -> object:
        if failing.is_set():
            failing.clear()
            raise OSError(24, "Too many open files")
        return accept(self)

    with running() as here:
        monkeypatch.setattr(socket.socket, "accept", no_descriptor)
        silent = here.connect()
        assert here.asked() == 200
        failing.set()
        assert here.asked() == 200
        assert ended(silent)
        silent.close()
        assert here.asked() == 200


def test_no_thread_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client for whom the system has none is turned away; one whose thread never ran holds no place for ever."""
    real, kinds = listener.start_new_thread, ["none", "ends at once"]

    lost = threading.Event()

    def start(serve: Callable[..., object], arguments: tuple[listener.Connection]) -> int:
        kind = kinds.pop(0) if kinds else "runs"
        if kind == "ends at once":
            arguments[0].since -= 60.0
            lost.set()
        if kind == "none":
            raise RuntimeError("can't start new thread")
        return 0 if kind == "ends at once" else real(serve, arguments)

    monkeypatch.setattr(listener, "start_new_thread", start)
    with running(limits=Limits(connections=1)) as here:
        with closing(here.connect()) as client:
            assert ended(client)
        with closing(here.connect()) as never:
            assert lost.wait(10.0)
            assert here.asked() == 200
            assert ended(never)


def test_a_defect_in_a_connection_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs that connection, even where it cannot be told."""

    def broken(*_: object) -> bool:
        raise MemoryError

    with running() as here:
        with monkeypatch.context() as patch:
            patch.setattr(listener.Connection, "_exchange", broken)
            assert here.said(ONE) == b""
        assert [type(error) for error in here.errors] == [MemoryError]
        assert here.asked() == 200


def test_tls_serves_who_trusts_it(web: WebFolder) -> None:
    """Over TLS, kept and used again; a client that does not trust the certificate leaves."""
    live = Live(web.write(tls_section()))
    with running(live.current) as here:
        with closing(here.connect(client_context())) as client:
            for _ in range(2):
                client.sendall(ONE)
                assert b"/one" in client.recv(1 << 16)
        assert here.asked("/large", context=client_context()) == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            here.connect(ssl.create_default_context())
        assert here.said(ONE) == b""


def test_a_silent_handshake_is_dropped(web: WebFolder) -> None:
    """It holds a thread only so long."""
    live = Live(web.write(tls_section()))
    with running(live.current, SLOW) as here, closing(here.connect()) as client:
        assert ended(client)


def refused(here: Running, context: ssl.SSLContext) -> bool:
    """Whether a client is turned away in or right after the handshake."""
    try:
        with closing(here.connect(context)) as client:
            client.sendall(ONE)
            return client.recv(1 << 16) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def test_a_client_shows_its_certificate(web: WebFolder) -> None:
    """None, and one of another authority, are turned away."""
    live = Live(web.write(tls_section(**MUTUAL)))
    with running(live.current) as here:
        assert here.asked(context=client_context("client")) == 200
        assert refused(here, client_context())
        assert refused(here, client_context("stranger"))


@pytest.mark.parametrize(
    ("names", "turned_away"),
    [(["prometheus"], False), (["other", "spiffe://cluster/prometheus"], False), (["client"], True)],
)
def test_a_client_s_certificate_has_an_allowed_name(web: WebFolder, names: list[str], turned_away: bool) -> None:  # noqa: FBT001  a table
    """One of its alternative names, of any kind; its common name does not count."""
    live = Live(web.write(tls_section(**MUTUAL, client_allowed_sans=names)))
    with running(live.current) as here:
        assert refused(here, client_context("client")) == turned_away


def test_a_renewed_certificate_is_shown_to_the_next_client(web: WebFolder) -> None:
    """A kept connection ends after its next answer, so that it does not stay with the old one."""
    live = Live(web.write(tls_section()))
    with running(live.current) as here, closing(here.connect(client_context())) as old:
        assert isinstance(old, ssl.SSLSocket)
        before = old.getpeercert()
        web.rotate()
        live.refresh(lambda *_: None)
        with closing(here.connect(client_context())) as new:
            assert isinstance(new, ssl.SSLSocket)
            assert new.getpeercert() != before
        old.sendall(ONE)
        assert b"/one" in old.recv(1 << 16)
        assert ended(old)


def test_tls_and_passwords_may_come_and_go(web: WebFolder) -> None:
    """A file that turns TLS on or off counts for the next connection."""
    live = Live(web.write({"basic_auth_users": {"a": hashed()}}))
    with running(live.current) as here:
        assert here.asked() == 200
        web.write(tls_section())
        live.refresh(lambda *_: None)
        assert here.asked(context=client_context()) == 200
        web.write("")
        live.refresh(lambda *_: None)
        assert here.asked() == 200
