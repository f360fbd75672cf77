"""docker-compose.yml, brought up by Docker Compose itself on podman's Docker API."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import requests

from tests.deploy import compose
from tools.demo.processes import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.containers.podman import Podman

PROJECT = "forewarn-test"
SERVICES = ("simulated", "forewarn", "prometheus", "alertmanager")
"""All but Grafana, of which Debian has no package to make a stand-in from."""
PORTS = dict(zip(SERVICES, compose.PORTS, strict=False))
_LIMITS = {"nofile": {"soft": 1024, "hard": 4096}, "nproc": {"soft": 1000, "hard": 2000}}


class Stack:
    """The running services."""

    def __init__(self, podman: Podman, address: str, folder: Path) -> None:
        self.podman = podman
        self.ports = {service: free_port(0) for service in SERVICES}
        # A sandboxed machine may not set podman's default limits, and the API has no flag for them.
        override = folder / "limits.json"
        override.write_text(
            json.dumps({"services": {name: {"ulimits": _LIMITS} for name in SERVICES}}), encoding="utf-8"
        )
        files = ["--file", str(compose.FILE), "--file", str(override)]
        self._base = [*compose.command(), "--project-name", PROJECT, "--project-directory", str(compose.ROOT), *files]
        chosen = {PORTS[service]: str(port) for service, port in self.ports.items()}
        self._environment = compose.environment(DOCKER_HOST=address, SCENARIO="steady", **chosen)

    def compose(self, *arguments: str) -> str:
        """Run Docker Compose."""
        done = subprocess.run(
            [*self._base, *arguments], check=False, capture_output=True, text=True, env=self._environment, timeout=90
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr[-2000:]}"
        return done.stdout

    def up(self) -> None:
        """Start the services from the images that are there."""
        self.compose("up", "--detach", "--no-build", "--pull", "never", *SERVICES)

    def down(self) -> None:
        """End and remove everything."""
        self.compose("down", "--volumes", "--timeout", "5")

    def url(self, service: str, path: str) -> str:
        """Address of a service on this machine's loopback."""
        return f"http://{HOST}:{self.ports[service]}{path}"

    def json(self, service: str, path: str, **parameters: str) -> Any:  # noqa: ANN401  whatever the service answers
        """A JSON answer."""
        answer = requests.get(self.url(service, path), params=parameters, timeout=5)
        answer.raise_for_status()
        return answer.json()

    def value(self, query: str) -> float | None:
        """The one value of a query to Prometheus."""
        found = self.json("prometheus", "/api/v1/query", query=query)["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def wait(self, what: str, seconds: float, truth: Callable[[], object]) -> None:
        """Wait until `truth()`; a service that does not answer yet counts as no."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if truth():
                    return
            except requests.RequestException:
                pass
            time.sleep(0.5)
        logs = self.compose("logs", "--tail", "20")
        raise AssertionError(f"not within {seconds:.0f} s: {what}\n{logs}")

    def inside(self, service: str, *command: str) -> str:
        """What a command prints in a service's container."""
        return self.podman.run("exec", f"{PROJECT}-{service}-1", *command, check=False).stdout
