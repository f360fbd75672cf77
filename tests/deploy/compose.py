"""Docker Compose, and what it makes of docker-compose.yml."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
PROFILES = ("simulated", "vllm-cpu", "vllm-gpu")
"""The engines; one is chosen."""

PORTS = ("ENGINE_PORT", "FOREWARN_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT", "GRAFANA_PORT")


def command() -> list[str]:
    """The packaged Docker Compose of the test group, else this machine's."""
    # The program itself: the package's own entry point loses its exit status.
    package = importlib.util.find_spec("compose")
    if package and package.origin:
        return [str(Path(package.origin).with_name("docker-compose"))]
    docker = shutil.which("docker")
    assert docker, "needed: Docker with Compose (the packaged one is for Linux on x86-64 only)"
    return [docker, "compose"]


def environment(**variables: str) -> dict[str, str]:
    """The environment of this process, without what would change the file's defaults."""
    ours = ("COMPOSE_", "VLLM_", "FOREWARN_", "GRAFANA_", "HF_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name not in PORTS}
    return {**kept, "HOME": "/home/somebody", **variables}


def read(profile: str, file: Path = FILE, **variables: str) -> subprocess.CompletedProcess[str]:
    """Docker Compose's own reading of the file: validated against its schema, merged, interpolated."""
    chosen = [*command(), "--file", str(file), "--profile", profile, "config", "--format", "json"]
    return subprocess.run(
        chosen, check=False, capture_output=True, text=True, cwd=ROOT, env=environment(**variables), timeout=60
    )


def model(profile: str, **variables: str) -> dict[str, Any]:
    """The services of a profile, as Docker Compose runs them."""
    done = read(profile, **variables)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded
