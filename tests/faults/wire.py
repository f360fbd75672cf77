"""Faults of the connection and of what HTTP says: between the sidecar and an engine that is well."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING

from tests.faults.rows import GONE, Fault, down, fine
from tests.tools.page_server import Fault as Wire
from tests.tools.page_server import Flood, Reply, Status, WrongLength
from tests.tools.raw_server import ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.rig import Rig
    from tests.tools.page_server import Mode

_NOISE = random.Random(9).randbytes(4096)  # noqa: S311  noise, no secret
_GZIP = "Content-Encoding: gzip"
_CHUNKED = ok(b"", "Transfer-Encoding: chunked", length=False)
_LINE = b"vllm:num_requests_running 1.0\n"


def failing(mode: Mode) -> Callable[[Rig], None]:
    """Let the engine misbehave in this way on every path that it has."""
    return lambda rig: rig.engine.fail(mode)


def _drip(rig: Rig) -> None:
    """A byte at a time, each well within the time in which a socket would give up."""
    rig.engine.fail(Reply([bytes([byte]) for byte in ok(rig.engine.page.encode())], pause=0.05))


def _redirect(rig: Rig) -> None:
    """Once followed it is remembered, so that `/metrics` is not asked for again."""
    rig.engine.fail(Wire.REDIRECT)
    rig.engine.wait_for("/metrics", rig.engine.requests["/metrics"] + 1)


def _half_then_silence(rig: Rig) -> None:
    body = rig.engine.page.encode()
    rig.engine.fail(Reply(ok(body)[: len(body) // 2], then="hang"))


def _half_then_reset(rig: Rig) -> None:
    body = rig.engine.page.encode()
    rig.engine.fail(Reply(ok(body)[: len(body) // 2], then="reset", pause=0.05))


def _plain_text_on_a_tls_port(rig: Rig) -> None:
    rig.engine.tls = None
    rig.engine.hang_up()


def _tls_again(rig: Rig) -> None:
    rig.engine.speak_tls()
    rig.engine.hang_up()


def _lookups(word: str) -> Callable[[Rig], None]:
    """Let names be looked up badly, with the connection lost so that one has to be."""

    def begin(rig: Rig) -> None:
        (rig.folder / "dns").write_text(word, encoding="utf-8")
        rig.engine.hang_up()

    return begin


def _lookups_work(rig: Rig) -> None:
    (rig.folder / "dns").unlink()


_NAMED = {"FAULT_DNS": "{folder}/dns", "PYTHONPATH": "{inject}"}
_PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")

WIRE: tuple[Fault, ...] = (
    Fault("connection refused", "nothing listens on the engine's port", down("refused"), failing(Wire.REFUSE)),
    Fault("connection reset", "half a page, then a TCP reset", down("truncated"), _half_then_reset),
    Fault(
        "accepted, never answered", "the request is read, no byte comes back", down("timeout"), failing(Wire.HALF_OPEN)
    ),
    Fault("slow drip", "a byte of the page every 50 ms", down("timeout"), _drip),
    Fault("half a page, then silence", "the connection stays open", down("timeout"), _half_then_silence),
    Fault("half a page, then close", "the announced length is never reached", down("truncated"), failing(Wire.CUT)),
    Fault("status 404", "as of another server", down("http_status"), failing(Status(404))),
    Fault("status 500", "as of an engine with a defect", down("http_status"), failing(Status(500))),
    Fault("status 503", "as while vLLM shuts down", down("http_status"), failing(Status(503))),
    Fault(
        "redirect on the server",
        "307 to `/metrics/`, as old releases answer",
        fine("it is followed"),
        _redirect,
        alone=True,
        completes=False,
    ),
    Fault(
        "redirect to another server",
        "302 to another host",
        down("http_status"),
        failing(Reply(b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/metrics\r\nContent-Length: 0\r\n\r\n")),
    ),
    Fault(
        "redirect in a circle",
        "302 to itself",
        down("http_status"),
        failing(Reply(b"HTTP/1.1 302 Found\r\nLocation: /metrics\r\nContent-Length: 0\r\n\r\n")),
    ),
    Fault(
        "chunks without sizes",
        "chunked encoding whose sizes are no numbers",
        down("protocol"),
        failing(Reply(_CHUNKED + b"zz\r\n" + _LINE, then="close")),
    ),
    Fault(
        "chunks that end early",
        "the last chunk never comes",
        down("truncated"),
        failing(Reply(_CHUNKED + b"1e\r\n" + _LINE + b"\r\n", then="close")),
    ),
    Fault("page in honest chunks", "chunked encoding instead of a length", fine("it is read"), failing(Wire.CHUNKED)),
    Fault(
        "length announced too long",
        "Content-Length 10 bytes past the page",
        down("truncated"),
        failing(WrongLength(10)),
    ),
    Fault(
        "length announced too short",
        "Content-Length in the middle of the last number",
        down("truncated"),
        failing(WrongLength(-2)),
    ),
    Fault("gzip that is none", "text labelled gzip", down("not_text"), failing(Reply(ok(_LINE, _GZIP)))),
    Fault(
        "gzip cut off",
        "a compressed page without its end",
        down("truncated"),
        failing(Reply(ok(gzip.compress(_LINE * 99)[:-9], _GZIP))),
    ),
    Fault("gzip nobody asked for", "the page compressed", fine("it is read"), failing(Wire.GZIP)),
    Fault(
        "gzip bomb",
        "100 MB in 100 KB",
        down("too_large"),
        failing(Reply(ok(gzip.compress(bytes(100_000_000), 9), _GZIP))),
    ),
    Fault(
        "garbage instead of HTTP",
        "4 KiB of noise, then close",
        down("protocol"),
        failing(Reply(_NOISE.replace(b"\r", b"") * 20, then="close")),
    ),
    Fault(
        "another protocol on the port",
        "an SSH server's greeting",
        down("protocol"),
        failing(Reply(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", then="close")),
    ),
    Fault(
        "headers without end",
        "10 MB of one header",
        down("protocol"),
        failing(Reply([b"X" * 65536] * 160, then="close")),
    ),
    Fault("binary page", "status 200 and 4 KiB of noise", down("encoding"), failing(Reply(ok(_NOISE + b"\n")))),
    Fault(
        "huge page", "a stream of 100 MB, cut at `poll.max_page_bytes`", down("too_large"), failing(Flood(100_000_000))
    ),
    Fault("endless page", "a stream that does not end", down("too_large"), failing(Flood())),
    Fault(
        "name service fails",
        "getaddrinfo raises EAI_AGAIN in the sidecar's process, its connection lost",
        down("network"),
        _lookups("fail"),
        _lookups_work,
        variables=_NAMED,
    ),
    Fault(
        "name service hangs",
        "getaddrinfo does not return, its connection lost",
        GONE,
        _lookups("hang"),
        _lookups_work,
        variables=_NAMED,
        completes=False,
    ),
    Fault(
        "TLS port answers in plain text",
        "an engine at https:// whose port speaks HTTP",
        down("network"),
        _plain_text_on_a_tls_port,
        _tls_again,
        secure=True,
    ),
    Fault(
        "plain port answers in TLS",
        "the alert of a TLS server that got no handshake",
        down("truncated"),
        failing(Reply(b"\x15\x03\x01\x00\x02\x02\x46", then="close")),
    ),
    Fault(
        "proxy variables set",
        "http_proxy and the like name a port where nothing listens, the connection lost",
        fine("no proxy is asked"),
        lambda rig: rig.engine.hang_up(),
        variables=_PROXIES,
    ),
)
