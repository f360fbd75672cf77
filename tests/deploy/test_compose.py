"""docker-compose.yml as Docker Compose itself reads it: hardened, on loopback, pinned, complete."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from forewarn import __version__
from tests.deploy import compose

MONITORING = {"forewarn", "prometheus", "alertmanager", "grafana"}
OURS = {"simulated": "lab/Dockerfile", "forewarn": "exporter/Dockerfile"}
"""Services whose images are built here → the file that builds them."""
EVERY = [(profile, service) for profile in compose.PROFILES for service in sorted({*MONITORING, profile})]


@cache
def services(profile: str) -> dict[str, dict[str, Any]]:
    """The services of a profile by name."""
    found: dict[str, dict[str, Any]] = compose.model(profile)["services"]
    return found


@pytest.mark.parametrize("profile", compose.PROFILES)
def test_a_profile_is_one_engine_and_the_whole_monitoring(profile: str) -> None:
    """Nothing is missing, and never do two engines answer to one name."""
    assert set(services(profile)) == {profile, *MONITORING}
    assert services(profile)[profile]["networks"]["default"]["aliases"] == ["engine"]


def test_the_simulated_engine_is_the_default() -> None:
    """`docker compose up` needs neither a GPU nor a choice: .env chooses."""
    lines = (compose.ROOT / ".env").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["COMPOSE_PROFILES=simulated"]


@pytest.mark.parametrize(("profile", "service"), EVERY)
def test_every_service_is_hardened(profile: str, service: str) -> None:
    """A read-only root, no capabilities, no way to get more, not root, a bounded number of processes and log."""
    one = services(profile)[service]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert "cap_add" not in one
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", one["user"])
    assert 0 < one["pids_limit"] <= 4096
    assert set(one["logging"]["options"]) == {"max-size", "max-file"}
    for forbidden in ("privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"):
        assert forbidden not in one


@pytest.mark.parametrize(("profile", "service"), EVERY)
def test_ports_are_bound_to_loopback_only(profile: str, service: str) -> None:
    """Every published port names 127.0.0.1."""
    ports = services(profile)[service]["ports"]
    assert [port["host_ip"] for port in ports] == ["127.0.0.1"]


@pytest.mark.parametrize(("profile", "service"), EVERY)
def test_images_are_pinned_to_a_version(profile: str, service: str) -> None:
    """Our own to this version, the others to a full one; nothing floats."""
    image = services(profile)[service]["image"]
    if service in OURS:
        assert image.endswith(f":{__version__}")
    else:
        assert re.fullmatch(r"[a-z0-9.]+/[a-z0-9/_-]+:v?\d+\.\d+\.\d+", image)


def test_the_images_label_is_this_version() -> None:
    """What the image says of itself when nobody gives a version."""
    assert f"ARG VERSION={__version__}\n" in (compose.ROOT / OURS["forewarn"]).read_text(encoding="utf-8")


@pytest.mark.parametrize(("profile", "service"), EVERY)
def test_every_service_has_a_health_check(profile: str, service: str) -> None:
    """So that `up --wait` waits. Images built here bring theirs."""
    if service in OURS:
        assert "HEALTHCHECK" in (compose.ROOT / OURS[service]).read_text(encoding="utf-8")
    else:
        assert services(profile)[service]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("profile", compose.PROFILES)
def test_files_are_mounted_read_only(profile: str) -> None:
    """What comes from the repository cannot be written from a container."""
    binds = [
        volume for one in services(profile).values() for volume in one.get("volumes", ()) if volume["type"] == "bind"
    ]
    ours = [volume for volume in binds if Path(volume["source"]).is_relative_to(compose.ROOT)]
    assert ours
    assert all(volume["read_only"] for volume in ours)


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_mounted_files_exist(service: str) -> None:
    """A missing file would be made as an empty folder."""
    binds = [volume for volume in services("simulated")[service]["volumes"] if volume["type"] == "bind"]
    assert binds
    assert all(Path(volume["source"]).exists() for volume in binds)


def test_prometheus_is_told_where_the_services_are() -> None:
    """Its configuration names services of the file and the ports that they serve."""
    config = yaml.safe_load((compose.ROOT / "deploy/prometheus/prometheus.compose.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    managers = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert {"forewarn:9841", "alertmanager:9093"} == {*jobs["forewarn"], *managers}
    served = {name: one["ports"][0]["target"] for name, one in services("simulated").items()}
    assert served["forewarn"] == 9841
    assert served["alertmanager"] == 9093


def test_a_port_that_is_taken_can_be_moved() -> None:
    """Each has a variable, and stays on loopback."""
    moved = compose.model("simulated", **{name: str(27900 + i) for i, name in enumerate(compose.PORTS)})["services"]
    assert {one["ports"][0]["published"] for one in moved.values()} == {str(27900 + i) for i in range(5)}
    assert {one["ports"][0]["host_ip"] for one in moved.values()} == {"127.0.0.1"}


@pytest.mark.parametrize(
    "damage",
    [{"read_onyl": True}, {"ports": "8000"}, {"healthcheck": {"interval": "soon"}}],
    ids=["a key that is not there", "ports that are no list", "a duration in words"],
)
def test_a_damaged_file_is_refused(damage: dict[str, object], tmp_path: Path) -> None:
    """The schema is not one that takes anything."""
    tree = yaml.safe_load(compose.FILE.read_text(encoding="utf-8"))
    tree["services"]["forewarn"].update(damage)
    file = tmp_path / "docker-compose.yml"
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert compose.read("simulated", file).returncode != 0
