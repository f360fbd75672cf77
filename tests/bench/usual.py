"""An exporter written the usual way, to compare with: requests, the library's parser, `start_http_server`.

`python -m tests.bench.usual URL INTERVAL PORT` polls URL and re-exports every sample under its own name.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import requests
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric


class Latest(Collector):
    """Exports the families of the last poll."""

    def __init__(self) -> None:
        self.families: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """No names are reserved."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The families of the last poll."""
        return self.families


def main(url: str, interval: float, port: int) -> None:
    """Poll until ended."""
    latest, registry = Latest(), CollectorRegistry()
    registry.register(latest)
    start_http_server(port, "127.0.0.1", registry)
    session = requests.Session()
    pause = threading.Event()
    due = time.monotonic()
    while True:
        latest.families = list(text_string_to_metric_families(session.get(url, timeout=5).text))
        due += interval
        pause.wait(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
