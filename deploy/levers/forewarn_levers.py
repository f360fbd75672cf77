"""How far each degradation lever is pulled: from a level, 0 to 3, to shares of traffic.

    python forewarn_levers.py --prometheus http://prometheus:9090 --deployment chat

The level is that of the rules pack (`llm:degradation_level`) or of Alertmanager's webhook. Three levers, in the order
of what they cost a user: shorten output, shed low priority, fall back to a smaller model. A lever goes on for half of
the traffic, and for all of it only if that was not enough; it comes off the same way, and only after the level has been
lower for a while. A gateway asks `GET /levers` and acts; see forewarn_litellm.py.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

LEVERS = ("shorten", "shed", "fallback")
STEPS = 2
"""Moves from off to all traffic, of one lever."""
TOP = STEPS * len(LEVERS)
ALERT = "LLMFleetDegraded"
_IN_WORDS = re.compile(r"level (\d)")
_LARGEST_BODY = 1 << 20


@dataclass
class Ladder:
    """Where the levers stand, and when they may move. Times in seconds of any steady clock."""

    rise_seconds: float = 30.0
    hold_seconds: float = 120.0
    position: int = 0
    _moved: float = field(default=float("-inf"))
    _lower_since: float | None = None

    def update(self, level: int, now: float) -> None:
        """Move one step at most: up after `rise_seconds`, down after `hold_seconds` of a lower level."""
        target = STEPS * max(0, min(level, len(LEVERS)))
        if target >= self.position:
            self._lower_since = None
        elif self._lower_since is None:
            self._lower_since = now
        if target > self.position and now - self._moved >= self.rise_seconds:
            self._move(1, now)
        elif self._lower_since is not None and now - max(self._moved, self._lower_since) >= self.hold_seconds:
            self._move(-1, now)

    def _move(self, by: int, now: float) -> None:
        self.position += by
        self._moved = now

    def shares(self) -> dict[str, float]:
        """Share of traffic that each lever acts on, 0 to 1."""
        return {name: max(0.0, min(1.0, (self.position - STEPS * index) / STEPS)) for index, name in enumerate(LEVERS)}


@dataclass
class Signal:
    """The level as last told by each source; a silent one is forgotten, so that no lever stays on by accident."""

    keep_seconds: float
    _told: dict[str, tuple[int, float]] = field(default_factory=dict)

    def tell(self, source: str, level: int, now: float) -> None:
        """Note what a source says."""
        self._told[source] = (level, now)

    def level(self, now: float) -> int:
        """The highest level that is still fresh."""
        return max((level for level, at in self._told.values() if now - at <= self.keep_seconds), default=0)


def level_of(webhook: dict[str, Any]) -> int | None:
    """The level in an Alertmanager webhook (version 4): 0 when resolved, None when it is about something else.

    From the alert's label `level`, or else from its description, or else 1.
    """
    alerts = [
        alert
        for alert in webhook.get("alerts", [])
        if isinstance(alert, dict) and alert.get("labels", {}).get("alertname") == ALERT
    ]
    if not alerts:
        return None
    return max(_firing_level(alert) for alert in alerts)


def _firing_level(alert: dict[str, Any]) -> int:
    if alert.get("status") != "firing":
        return 0
    labelled = str(alert["labels"].get("level", ""))
    if labelled.isdecimal():
        return int(labelled)
    worded = _IN_WORDS.search(str(alert.get("annotations", {}).get("description", "")))
    return int(worded[1]) if worded else 1


def ask(prometheus: str, deployment: str) -> int | None:
    """The level that the rules pack records; None when it cannot be had."""
    query = f"max(llm:degradation_level{{deployment={json.dumps(deployment)}}})"
    try:
        answer = requests.post(f"{prometheus}/api/v1/query", data={"query": query}, timeout=5)
        result = answer.json()["data"]["result"]
        return int(float(result[0]["value"][1])) if result else None
    except (requests.RequestException, ValueError, LookupError, TypeError):
        return None


class Service:
    """The ladder, its signal, and the two that move it: a timer and HTTP."""

    def __init__(self, ladder: Ladder, signal: Signal) -> None:
        self.ladder, self.signal = ladder, signal
        self._lock = threading.Lock()

    def tell(self, source: str, level: int) -> None:
        """Note a level and act on it at once."""
        with self._lock:
            self.signal.tell(source, level, time.monotonic())
        self.tick()

    def tick(self) -> None:
        """Move the ladder if it is time."""
        with self._lock:
            now = time.monotonic()
            before = self.ladder.position
            self.ladder.update(self.signal.level(now), now)
            if self.ladder.position != before:
                sys.stderr.write(f"forewarn-levers: {json.dumps(self.ladder.shares())}\n")

    def state(self) -> dict[str, Any]:
        """What a gateway asks for."""
        with self._lock:
            return {"level": self.signal.level(time.monotonic()), "shares": self.ladder.shares()}


def handler(service: Service) -> type[BaseHTTPRequestHandler]:
    """`POST /alerts` for Alertmanager, `GET /levers` for gateways, `GET /metrics` for Prometheus."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != "/alerts" or not length.isdecimal() or int(length) > _LARGEST_BODY:
                self._answer(404, "expected an Alertmanager webhook at /alerts\n")
                return
            try:
                level = level_of(json.loads(self.rfile.read(int(length))))
            except (ValueError, AttributeError):
                self._answer(400, "expected an Alertmanager webhook\n")
                return
            if level is not None:
                service.tell("alertmanager", level)
            self._answer(200, "ok\n")

        def do_GET(self) -> None:
            state = service.state()
            if self.path == "/levers":
                self._answer(200, json.dumps(state))
            elif self.path == "/metrics":
                head = "# TYPE forewarn_lever_share gauge\n"
                lines = (f'forewarn_lever_share{{lever="{name}"}} {share}\n' for name, share in state["shares"].items())
                self._answer(200, head + "".join(lines))
            else:
                self._answer(404, "expected /levers or /metrics\n")

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the parent's signature
            """Say nothing: a gateway asks every second."""

    return Handler


def main() -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="forewarn_levers", description=__doc__.partition("\n")[0])
    parser.add_argument("--listen", default="127.0.0.1:9842", metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument("--prometheus", metavar="URL", help="read llm:degradation_level here")
    parser.add_argument("--deployment", metavar="NAME", help="whose level")
    parser.add_argument(
        "--every", type=float, default=5.0, metavar="S", help="seconds between two readings (%(default)s)"
    )
    parser.add_argument("--rise", type=float, default=30.0, metavar="S", help="seconds between steps up (%(default)s)")
    parser.add_argument(
        "--hold", type=float, default=120.0, metavar="S", help="seconds before a step down (%(default)s)"
    )
    parser.add_argument(
        "--keep", type=float, default=3600.0, metavar="S", help="seconds after which a silent source is 0 (%(default)s)"
    )
    arguments = parser.parse_args()
    if bool(arguments.prometheus) != bool(arguments.deployment):
        parser.error("expected --prometheus and --deployment together, or neither for the webhook alone")
    host, _, port = arguments.listen.rpartition(":")
    if not port.isdecimal():
        parser.error(f"expected HOST:PORT, got {arguments.listen}")
    service = Service(Ladder(arguments.rise, arguments.hold), Signal(arguments.keep))
    server = ThreadingHTTPServer((host, int(port)), handler(service))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stderr.write(f"forewarn-levers: http://{host}:{server.server_port}\n")
    try:
        while True:
            level = ask(arguments.prometheus, arguments.deployment) if arguments.prometheus else None
            if level is not None:
                service.tell("prometheus", level)
            service.tick()
            time.sleep(arguments.every)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
