"""What evaluates the rules pack beside the real engine: Prometheus, and vmalert with VictoriaMetrics."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests

from forewarn import rulepack
from tests.vllm.processes import answers, child, wait_until
from tools.demo import prometheus
from tools.vllm_cpu.serve import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = 5
"""Between two scrapes, and the most that one may take: under load it may be more than two."""
EVERY = f"{SECONDS}s"
_START = 60.0


class Watch:
    """What fires, asked for again and again; `seen` holds every alert that ever did."""

    def __init__(self, name: str, ask: Callable[[], set[str]]) -> None:
        self.name = name
        self.seen: set[str] = set()
        self._ask = ask

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        now = self._ask()
        self.seen |= now
        return now

    def have_fired(self, *names: str) -> bool:
        """Whether each of them fires now or did before."""
        self.firing()
        return self.seen >= set(names)


@contextmanager
def by_prometheus(sidecar: str, folder: Path) -> Iterator[Watch]:
    """A Prometheus with the pack's own files that scrapes and evaluates every five seconds."""
    folder.mkdir()
    port = free_port()
    prometheus.write_config(folder, sidecar.removeprefix("http://"), SECONDS)
    command = prometheus.command(["prometheus"], folder, port)
    with child("prometheus", command, folder / "prometheus.log", os.environ):
        base = f"http://{HOST}:{port}"
        wait_until("Prometheus is ready", lambda: answers(f"{base}/-/ready"), _START)
        yield Watch("Prometheus", lambda: prometheus.firing(base))


@contextmanager
def by_vmalert(sidecar: str, folder: Path) -> Iterator[Watch]:
    """VictoriaMetrics scrapes as often, and vmalert evaluates the pack against it."""
    folder.mkdir()
    store, alert = f"{HOST}:{free_port()}", f"{HOST}:{free_port()}"
    scrape = folder / "scrape.yml"
    scrape.write_text(
        f"scrape_configs:\n- job_name: forewarn\n  scrape_interval: {EVERY}\n"
        f"  static_configs:\n  - targets: ['{sidecar.removeprefix('http://')}']\n",
        encoding="utf-8",
    )
    flags = [f"-storageDataPath={folder / 'data'}", f"-httpListenAddr={store}", f"-promscrape.config={scrape}"]
    # Values are visible to queries at once, as in Prometheus, instead of half a minute later.
    database = [_program("victoria-metrics"), *flags, "-search.latencyOffset=1s"]
    with (
        child("victoria-metrics", database, folder / "victoria-metrics.log", os.environ),
        child("vmalert", _vmalert(folder, store, alert), folder / "vmalert.log", os.environ),
    ):
        wait_until("VictoriaMetrics is ready", lambda: answers(f"http://{store}/health"), _START)
        wait_until("vmalert is ready", lambda: answers(f"http://{alert}/health"), _START)
        yield Watch("vmalert", lambda: _vmalert_firing(alert))


def _vmalert(folder: Path, store: str, alert: str) -> list[str]:
    # Debian's vmalert predates keep_firing_for.
    pack = folder / "rules"
    rulepack.write(pack, rulepack.sources(keep_firing=False))
    urls = [f"-{use}.url=http://{store}" for use in ("datasource", "remoteWrite", "remoteRead")]
    rules = [f"-rule={pack}/*.rules.yml", f"-evaluationInterval={EVERY}"]
    return [_program("vmalert"), *rules, *urls, f"-httpListenAddr={alert}", "-notifier.url=http://127.0.0.1:9"]


def _vmalert_firing(base: str) -> set[str]:
    try:
        alerts = requests.get(f"http://{base}/api/v1/alerts", timeout=5).json()["data"]["alerts"] or []
    except requests.RequestException:
        return set()
    return {alert["name"] for alert in alerts if alert["state"] == "firing"}


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is not on PATH: apt-get install victoria-metrics"
    return path
