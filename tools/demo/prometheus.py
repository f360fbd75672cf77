"""A Prometheus for the demo: from PATH, else Debian's package, else docker."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import yaml

from forewarn import rulepack
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
    # An earlier demo's samples would look like a past of this one's engine.
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    flags = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address={HOST}:{port}",
    ]
    if base == ["prometheus"]:
        return [*base, *flags]
    mount = f"{folder}:{folder}"
    return [*base, "--volume", mount, "--user", "0", IMAGE, *flags]


def write_config(folder: Path, sidecar: str, seconds: int = SCRAPE_SECONDS) -> None:
    """A configuration that scrapes the sidecar at `sidecar` (host:port) and evaluates the rules pack as often."""
    for name, text in rulepack.sources().items():
        (folder / name).write_text(text, encoding="utf-8")
    config = {
        "global": {"scrape_interval": f"{seconds}s", "evaluation_interval": f"{seconds}s"},
        "rule_files": [str(folder / name) for name in rulepack.sources()],
        "scrape_configs": [{"job_name": "forewarn", "static_configs": [{"targets": [sidecar]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def value(base_url: str, query: str) -> float | None:
    """The single value of an instant query, None when it is empty or not a number.

    Raises DemoError when Prometheus refuses the query.
    """
    result = _query(base_url, query)
    number = float(result[0]["value"][1]) if result else math.nan
    return number if math.isfinite(number) else None


def firing(base_url: str) -> set[str]:
    """Names of the alerts that fire now."""
    return {series["metric"]["alertname"] for series in _query(base_url, 'ALERTS{alertstate="firing"}')}


def _query(base_url: str, query: str) -> list[dict[str, Any]]:
    """Series of an instant query; none while Prometheus does not answer."""
    try:
        answer = requests.get(f"{base_url}/api/v1/query", params={"query": query}, timeout=5)
    except requests.RequestException:
        return []
    if not answer.ok:
        raise DemoError(f"Prometheus refuses the query {query}: {answer.text[:200]}")
    return list(answer.json()["data"]["result"])
