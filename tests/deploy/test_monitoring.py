"""The configurations of Prometheus and Grafana: what they read is there, and their programs take them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.deploy import compose

if TYPE_CHECKING:
    from pathlib import Path

DEPLOY = compose.ROOT / "deploy"
TLS = compose.ROOT / "tests" / "fixtures" / "tls"
SECRETS = {
    "ca.crt": "authority.pem",
    "prometheus.crt": "client.pem",
    "prometheus.key": "client.key",
    "forewarn.password": "client.key",
}
"""What a secured Prometheus reads beside its configuration → a file that stands in for it."""
PROVISIONING = PurePosixPath("/etc/grafana/provisioning")


def mounts(service: str) -> dict[str, str]:
    """Where the service of docker-compose.yml sees folders of this repository: target → path here."""
    volumes = compose.model(compose.PROFILES[0])["services"][service]["volumes"]
    here = f"{compose.ROOT}/"
    return {v["target"]: v["source"].removeprefix(here) for v in volumes if v["type"] == "bind"}


def provisioned(kind: str) -> list[dict[str, Any]]:
    """Entries of Grafana's provisioning of a kind, from where compose mounts it."""
    folder = compose.ROOT / mounts("grafana")[str(PROVISIONING)] / kind
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yml"))]
    assert documents
    assert {document["apiVersion"] for document in documents} == {1}
    return [entry for document in documents for entry in document.get("providers") or document["datasources"]]


@pytest.mark.parametrize("path", sorted((DEPLOY / "prometheus").glob("*.yml")), ids=lambda path: path.name)
def test_prometheus_takes_its_configuration(path: Path, tmp_path: Path) -> None:
    """Each file, of compose and to copy, beside the secrets that it names."""
    copy = shutil.copy(path, tmp_path)
    for name, secret in SECRETS.items():
        shutil.copy(TLS / secret, tmp_path / name)
    done = subprocess.run(["promtool", "check", "config", copy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_of_compose_reads_the_rules() -> None:
    """One pattern in the configuration matches the mounted folder of rules, and they are loaded once."""
    seen = mounts("prometheus")
    config = yaml.safe_load((compose.ROOT / seen["/etc/prometheus/prometheus.yml"]).read_text(encoding="utf-8"))
    found = []
    for pattern in config["rule_files"]:
        folder, _, glob = pattern.rpartition("/")
        found += list((compose.ROOT / seen[folder]).glob(glob)) if folder in seen else []
    assert len(found) == len(set(found)) > 0


def test_grafana_of_compose_finds_the_boards() -> None:
    """The folder that the provider reads is the mounted one, and holds boards."""
    (provider,) = provisioned("dashboards")
    assert provider["type"] == "file"
    assert list((compose.ROOT / mounts("grafana")[provider["options"]["path"]]).glob("*.json"))


def test_grafana_of_compose_asks_prometheus() -> None:
    """One data source, the default, at the address of the other service; the boards name none."""
    (source,) = provisioned("datasources")
    services = compose.model(compose.PROFILES[0])["services"]
    assert source["type"] == "prometheus"
    assert source["isDefault"] is True
    assert source["url"].removeprefix("http://").partition(":")[0] in services
