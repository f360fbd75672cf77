"""Many replicas behind one HTTP server: each serves a golden page of its own, whose counters move."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

GOLDEN = Path(__file__).parents[1] / "golden" / "vllm-0.32.0.txt"
REPLICAS_PER_DEPLOYMENT = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its text before the value, where its value starts, and what it gains in a second."""

    head: str
    start: float
    slope: float


def lines() -> list[Line]:
    """The golden page's series; counters and buckets gain a thousandth of their value, or a hundredth, a second."""
    found = []
    for family in text_string_to_metric_families(GOLDEN.read_text(encoding="utf-8")):
        moves = family.type in ("counter", "histogram")
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items() if name != "deployment")
            own = 'deployment="@DEPLOYMENT@"' if sample.name.startswith("llm_") else ""
            inside = ",".join(part for part in (own, labels) if part)
            head = f"{sample.name}{{{inside}}} "
            found.append(Line(head, sample.value, max(sample.value / 1000, 0.01) if moves else 0.0))
    return found


class Replicas:
    """A server of replicas 0 to N-1 at `/<number>`."""

    def __init__(self) -> None:
        page = lines()
        started = time.monotonic()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Log nothing."""

            def handle(self) -> None:
                """Serve until the other side closes; a Prometheus that is ended does so in the middle."""
                with suppress(ConnectionError):
                    super().handle()

            def do_GET(self) -> None:
                number = int(self.path.strip("/"))
                age = time.monotonic() - started
                deployment = f"deployment-{number // REPLICAS_PER_DEPLOYMENT}"
                text = "\n".join([f"{line.head}{line.start + line.slope * age}" for line in page]) + "\n"
                body = text.replace("@DEPLOYMENT@", deployment).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.series = len(page)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
