"""Damaged requests to the port of a real sidecar."""

from __future__ import annotations

import random
import socket
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.rig import Rig
from tests.fuzz.mutations import changed_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SEEDS = (
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n",
    b"GET /metrics?name[]=llm_engine_up&name[]=%C3%A9 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"HEAD /api/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /static/../../etc/passwd HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\n\r\n",
    b'POST /-/quality HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\nContent-Length: 15\r\n\r\n{"nightly": 0.9}',
    b'POST /-/quality HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n0\r\n\r\n',
    b"GET /runbooks/LLMEngineDown.md HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 3000 + b"\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
_SCRAPE_EVERY = 100
_SAY_EVERY = 10_000
_PATIENCE = 15.0
"""Seconds after which a request that is neither answered nor closed has hung."""


def cases(number: int, seed: int) -> Iterator[tuple[list[bytes], bool]]:
    """The parts of a request, and whether the client leaves without waiting for an answer."""
    chance = random.Random(seed)  # noqa: S311  cases, no secrets
    for _ in range(number):
        body = chance.choice(_SEEDS)
        for _ in range(chance.randint(0, 4)):
            body = changed_bytes(body, chance)
        if chance.random() < 0.1:
            body += chance.choice(_SEEDS)
        if chance.random() < 0.1:
            body = chance.randbytes(chance.randint(1, 400))
        cut = chance.randint(0, len(body))
        yield ([body[:cut], body[cut:]] if chance.random() < 0.2 else [body]), chance.random() < 0.1


def run(number: int, seed: int, say: Callable[[str], None]) -> list[bytes]:
    """Send so many; returns those that hung or brought the sidecar down."""
    found: list[bytes] = []
    with tempfile.TemporaryDirectory(prefix="forewarn-fuzz-") as folder:
        rig = Rig(Path(folder))
        try:
            rig.start(FOREWARN_QUALITY_TOKEN="t")  # noqa: S106  a token of this test alone
            for n, (parts, leaves) in enumerate(cases(number, seed), 1):
                try:
                    _send(rig.stack.sidecar, parts, leaves=leaves)
                    if n % _SCRAPE_EVERY == 0:
                        rig.page()
                    if not rig.alive():
                        raise ChildProcessError("the sidecar has ended")
                except Exception as error:  # noqa: BLE001  whatever it is, the request that did it is what is wanted
                    found.append(b"".join(parts))
                    say(f"  case {n}: {type(error).__name__}: {error}: {b''.join(parts)[:200]!r}")
                if n % _SAY_EVERY == 0:
                    say(f"requests: {n:,} of {number:,}, {len(found)} found")
            if "Traceback" in rig.log():
                found.append(b"")
                say("  the log shows a traceback:\n" + rig.log()[-3000:])
            found += [line.encode() for line in rig.broken]
        finally:
            rig.stop()
    return found


def _send(address: str, parts: list[bytes], *, leaves: bool) -> None:
    """Send a request and read until the sidecar closes. Raises TimeoutError when it neither answers nor closes."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_PATIENCE) as client:
        try:
            for part in parts:
                client.sendall(part)
            if leaves:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            client.shutdown(socket.SHUT_WR)
            while client.recv(1 << 16):
                pass
        except TimeoutError:
            raise
        except OSError:
            return  # a reset, or a close before all was sent, is an answer too
