"""A Prometheus for the demo: from PATH, else Debian's package, else docker."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import requests
import yaml

from tools.demo.processes import HOST, DemoError

if TYPE_CHECKING:
    from tools.demo.processes import Say

IMAGE = "docker.io/prom/prometheus:v2.53.2"
SCRAPE_SECONDS = 2
_ENSURE = Path(__file__).parents[1] / "ensure_debian.sh"


def find(say: Say) -> list[str]:
    """The command that runs Prometheus, without its flags."""
    if shutil.which("prometheus"):
        return ["prometheus"]
    say("  no prometheus on PATH, trying Debian's package")
    if subprocess.run([str(_ENSURE), "prometheus=prometheus"], check=False).returncode == 0:  # noqa: S603  own script
        return ["prometheus"]
    docker = shutil.which("docker") or shutil.which("podman")
    if docker and subprocess.run([docker, "info"], check=False, capture_output=True).returncode == 0:  # noqa: S603  from PATH
        say(f"  running Prometheus in a container ({IMAGE})")
        return [docker, "run", "--rm", "--network", "host"]
    raise DemoError("no Prometheus: put one on PATH (apt-get install prometheus), or start docker")


def command(base: list[str], folder: Path, port: int) -> list[str]:
    """The whole command; the configuration is read from, and data kept under, `folder`."""
    data = folder / "prometheus-data"
    data.mkdir(exist_ok=True)
    flags = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address={HOST}:{port}",
    ]
    if base == ["prometheus"]:
        return [*base, *flags]
    mount = f"{folder}:{folder}"
    return [*base, "--volume", mount, "--user", "0", IMAGE, *flags]


def write_config(folder: Path, sidecar: str) -> None:
    """A configuration that scrapes the sidecar at `sidecar` (host:port)."""
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": f"{SCRAPE_SECONDS}s"},
        "scrape_configs": [{"job_name": "forewarn", "static_configs": [{"targets": [sidecar]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def value(base_url: str, query: str) -> float | None:
    """The single value of an instant query, None when it is empty or not a number.

    Raises DemoError when Prometheus refuses the query.
    """
    try:
        answer = requests.get(f"{base_url}/api/v1/query", params={"query": query}, timeout=5)
    except requests.RequestException:
        return None
    if not answer.ok:
        raise DemoError(f"Prometheus refuses the query {query}: {answer.text[:200]}")
    result = answer.json()["data"]["result"]
    number = float(result[0]["value"][1]) if result else math.nan
    return number if math.isfinite(number) else None
