"""How each program under comparison is told to poll a page."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.processes import HOST, BenchError, Child, Children, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOREWARN = "forewarn"
VMAGENT = "vmagent"
PROMETHEUS = "prometheus"
USUAL = "usual"
ALL = (FOREWARN, VMAGENT, PROMETHEUS, USUAL)

NEVER = 3600.0
"""An interval in seconds within which no measurement sees a second poll."""


class Pollers:
    """Starts pollers of one page server; `scratch` takes their files."""

    def __init__(self, children: Children, scratch: Path, server: str) -> None:
        self._children = children
        self._scratch = scratch
        self._server = server

    def start(self, kind: str, name: str, interval: float) -> Child:
        """Start a program that polls `/NAME/metrics` every `interval` seconds, whole pages only."""
        if kind == FOREWARN:
            seconds = f"{interval:g}"
            keys = ("FAST_INTERVAL", "FULL_INTERVAL", "FALLBACK_INTERVAL")
            return self.forewarn(name, free_port(), {f"FOREWARN_POLL_{key}": seconds for key in keys})
        if kind == USUAL:
            url = f"{self._server}/{name}/metrics"
            command = [sys.executable, "-m", "tests.bench.usual", url, str(interval), str(free_port())]
            return self._children.start(name, command)
        make = self._vmagent if kind == VMAGENT else self._prometheus
        return self._children.start(name, make(name, interval))

    def forewarn(
        self, name: str, port: int, environment: Mapping[str, str] | None = None, engine: str | None = None
    ) -> Child:
        """Start a sidecar that listens on `port`, at its default intervals unless `environment` says otherwise."""
        engine = engine or f"{self._server}/{name}"
        command = [sys.executable, "-m", "forewarn", "run", "--engine-url", engine, "--listen", f"{HOST}:{port}"]
        return self._children.start(name, command, environment)

    def _vmagent(self, name: str, interval: float) -> list[str]:
        return [
            program("vmagent"),
            f"-promscrape.config={self._scrape_config(name, interval)}",
            f"-remoteWrite.url={self._server}/sink",
            f"-remoteWrite.tmpDataPath={self._scratch / name}",
            f"-httpListenAddr={HOST}:{free_port()}",
            "-loggerLevel=WARN",
        ]

    def _prometheus(self, name: str, interval: float) -> list[str]:
        return [
            program("prometheus"),
            f"--config.file={self._scrape_config(name, interval)}",
            f"--storage.tsdb.path={self._scratch / name}",
            f"--web.listen-address={HOST}:{free_port()}",
            "--log.level=warn",
        ]

    def _scrape_config(self, name: str, interval: float) -> Path:
        path = self._scratch / f"{name}.yml"
        every = f"{round(interval * 1000)}ms"
        timeout = f"{round(min(interval, 5.0) * 1000)}ms"
        target = self._server.removeprefix("http://")
        path.write_text(
            f"global: {{scrape_interval: {every}, scrape_timeout: {timeout}}}\n"
            "scrape_configs:\n"
            f"  - {{job_name: vllm, metrics_path: /{name}/metrics, static_configs: [{{targets: ['{target}']}}]}}\n",
            encoding="utf-8",
        )
        return path


@dataclass(frozen=True, slots=True)
class Setting:
    """A running page server at `server`, and what polls it."""

    children: Children
    pollers: Pollers
    server: str


@contextlib.contextmanager
def setting() -> Iterator[Setting]:
    """A page server and room for pollers; everything started in it ends with it."""
    with tempfile.TemporaryDirectory(prefix="forewarn-bench-") as scratch, Children(Path(scratch)) as children:
        _, port = children.start_told("page server", [sys.executable, "-m", "tests.bench.page_process"])
        server = f"http://{HOST}:{port}"
        yield Setting(children, Pollers(children, Path(scratch), server), server)


def program(name: str) -> str:
    """The path of a program. Raises BenchError when it is not installed."""
    path = shutil.which(name)
    if path is None:
        raise BenchError(f"{name} is not on PATH: run make bench, or install Debian's prometheus and victoria-metrics")
    return path


def version(package: str) -> str:
    """The version of an installed Debian package, "unknown" elsewhere."""
    query = shutil.which("dpkg-query")
    if query is None:
        return "unknown"
    command = [query, "--show", "--showformat=${Version}", package]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout or "unknown"
