"""The compose file's services come up together, hardened, and see each other."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from forewarn.rulepack import groups
from tests.containers.stack import PROJECT, SERVICES, Stack
from tools.demo.processes import answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.containers.podman import Podman

READY = {"simulated": "/version", "forewarn": "/-/ready", "prometheus": "/-/ready", "alertmanager": "/-/ready"}


@pytest.fixture(scope="module")
def stack(podman: Podman, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The services, up and answering."""
    assert images
    folder = tmp_path_factory.mktemp("stack")
    with podman.serve(folder / "podman.sock") as address:
        found = Stack(podman, address, folder)
        found.wait("podman's API", 20, (folder / "podman.sock").exists)
        try:
            # An earlier run that was killed may have left its services.
            found.down()
            found.up()
            for name, path in READY.items():
                found.wait(f"{name} answers {path}", 60, partial(answers, found.url(name, path)))
            yield found
        finally:
            found.down()


def test_prometheus_scrapes_the_sidecar_of_the_engine(stack: Stack) -> None:
    """The names of the compose network lead from Prometheus to the sidecar to the engine."""
    stack.wait("llm_engine_up is 1", 40, lambda: stack.value('llm_engine_up{deployment="compose"}') == 1)
    stack.wait("requests are counted", 40, lambda: (stack.value("sum(llm_requests_finished_total)") or 0) > 0)


def test_prometheus_evaluates_the_whole_pack(stack: Stack) -> None:
    """Every group of the pack, each without an error."""
    wanted = {group["name"] for group in groups()}

    def healthy() -> bool:
        found = stack.json("prometheus", "/api/v1/rules")["data"]["groups"]
        return {group["name"] for group in found} == wanted and all(
            rule["health"] == "ok" for group in found for rule in group["rules"]
        )

    stack.wait("all rules are evaluated", 90, healthy)


def test_prometheus_found_alertmanager(stack: Stack) -> None:
    """By its name in the network."""
    stack.wait(
        "Alertmanager is active",
        30,
        lambda: (
            [one["url"] for one in stack.json("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]]
            == ["http://alertmanager:9093/api/v2/alerts"]
        ),
    )


@pytest.mark.parametrize("service", SERVICES)
def test_the_container_is_hardened(stack: Stack, service: str) -> None:
    """What the kernel says of its first process, not what the file asks for."""
    status = dict(re.findall(r"^(\w+):\t(.+)$", stack.inside(service, "cat", "/proc/1/status"), re.MULTILINE))
    assert set(status["Uid"].split()) in ({"65532"}, {"65534"})
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    root = next(line.split() for line in stack.inside(service, "cat", "/proc/mounts").splitlines() if " / " in line)
    assert "ro" in root[3].split(",")


@pytest.mark.parametrize("service", SERVICES)
def test_the_health_check_passes(stack: Stack, service: str) -> None:
    """Run as the engine would: podman starts none by itself without systemd."""
    done = stack.podman.run("healthcheck", "run", f"{PROJECT}-{service}-1", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_the_port_listens_on_loopback_only(stack: Stack, service: str) -> None:
    """As the kernel lists it."""
    port = f"{stack.ports[service]:04X}"
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = {line[1] for line in lines if line[3] == "0A" and line[1].endswith(f":{port}")}
    assert listening == {f"0100007F:{port}"}


def test_an_engine_that_goes_is_seen_and_seen_again(stack: Stack) -> None:
    """The sidecar stays up, is not ready, and recovers by itself."""
    stack.compose("stop", "--timeout", "5", "simulated")
    stack.wait("llm_engine_up is 0", 40, lambda: stack.value("llm_engine_up") == 0)
    assert requests.get(stack.url("forewarn", "/-/healthy"), timeout=5).ok
    stack.wait(
        "the sidecar is not ready",
        20,
        lambda: requests.get(stack.url("forewarn", "/-/ready"), timeout=5).status_code == 503,
    )
    stack.compose("start", "simulated")
    stack.wait("llm_engine_up is 1", 60, lambda: stack.value("llm_engine_up") == 1)
