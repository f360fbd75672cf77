"""Loaded by a sidecar whose PYTHONPATH names this folder: name lookups fail or hang while a file says so."""

import os
import socket
import time
from pathlib import Path

_ASKED = Path(os.environ["FAULT_DNS"])
_lookup = socket.getaddrinfo


def _getaddrinfo(*arguments, **named):  # noqa: ANN002, ANN003, ANN202  stands in for a function of the library
    asked = _ASKED.read_text(encoding="utf-8") if _ASKED.exists() else ""
    if asked == "fail":
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    while asked == "hang" and _ASKED.exists():
        time.sleep(0.05)
    return _lookup(*arguments, **named)


socket.getaddrinfo = _getaddrinfo
