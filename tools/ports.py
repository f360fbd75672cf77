"""TCP ports of this machine for servers that are about to start. Standard library only: scripts use it too."""

from __future__ import annotations

import itertools
import random
import socket

HOST = "127.0.0.1"
_CANDIDATES = random.sample(range(20_000, 32_000), 1_000)
_GIVEN: set[int] = set()


def free_port(wanted: int = 0) -> int:
    """`wanted` if nothing listens there, else another, never one that was given out before.

    The others lie below the range a system takes for outgoing connections, so that none of those comes in between.
    Raises OSError when there is none.
    """
    candidates = (port for port in _CANDIDATES if port not in _GIVEN)
    for port in itertools.chain([wanted] if wanted else [], candidates):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            _GIVEN.add(port)
            return port
    raise OSError(f"no free port on {HOST}")
