"""The Kubernetes resources: accepted by their schemas, and fitting each other."""

from __future__ import annotations

import copy
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes_validate import ValidationError
from pydantic import ValidationError as ModelError

from forewarn import __version__, config
from forewarn.rulepack import groups
from tests.deploy.kustomize import FOLDER, RELEASES, one, rendered, validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
FOLDERS = (FOLDER, FOLDER / "keda", FOLDER / "hpa")
KINDS = {
    "ConfigMap",
    "Deployment",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "PodMonitor",
    "PrometheusRule",
    "Service",
    "ServiceAccount",
}


def pod() -> dict[str, Any]:
    """The pod template of the deployment."""
    found: dict[str, Any] = one("Deployment")["spec"]["template"]
    return found


def sidecar() -> dict[str, Any]:
    """The container of the sidecar."""
    (found,) = pod()["spec"]["initContainers"]
    return dict(found)


def engine() -> dict[str, Any]:
    """The container of the engine."""
    (found,) = pod()["spec"]["containers"]
    return dict(found)


def test_the_folder_holds_what_a_deployment_needs() -> None:
    """One of each kind."""
    assert sorted(resource["kind"] for resource in rendered(FOLDER)) == sorted(KINDS)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_resource_fits_its_schema(folder: Any, release: str) -> None:  # noqa: ANN401  a path from the list above
    """Nothing is rejected, unknown or pruned."""
    for resource in rendered(folder):
        validate(resource, release)


DAMAGES: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a misspelt probe": (
        "Deployment",
        lambda r: r["spec"]["template"]["spec"]["containers"][0].update(redinessProbe={}),
    ),
    "replicas in words": ("Deployment", lambda r: r["spec"].update(replicas="two")),
    "a port without a number": ("Service", lambda r: r["spec"]["ports"][0].pop("port")),
    "a budget in a list": ("PodDisruptionBudget", lambda r: r["spec"].update(maxUnavailable=[1])),
    "an unknown policy field": ("NetworkPolicy", lambda r: r["spec"].update(ingres=[])),
    "a misspelt endpoint field": ("PodMonitor", lambda r: r["spec"]["podMetricsEndpoints"][0].update(intervall="15s")),
    "an interval in words": ("PodMonitor", lambda r: r["spec"]["podMetricsEndpoints"][0].update(interval="often")),
}


@pytest.mark.parametrize(("kind", "damage"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_resource_is_refused(kind: str, damage: Callable[[dict[str, Any]], object]) -> None:
    """The schemas are not ones that take anything."""
    resource = copy.deepcopy(one(kind))
    damage(resource)
    with pytest.raises((ValidationError, ModelError, AssertionError)):
        validate(resource, RELEASES[-1])


def test_forewarn_is_a_native_sidecar_that_gates_traffic() -> None:
    """It starts first, restarts by itself, and the pod is ready only when it says so."""
    container = sidecar()
    assert container["restartPolicy"] == "Always"
    assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready"
    # The engine starts after the startup probe has passed: it must not wait for the engine.
    assert container["startupProbe"]["httpGet"]["path"] == "/-/healthy"
    assert container["livenessProbe"]["httpGet"]["path"] == "/-/healthy"


def test_the_engine_has_time_to_load() -> None:
    """Half an hour at least before it is restarted."""
    probe = engine()["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 1800
    assert one("Deployment")["spec"]["progressDeadlineSeconds"] >= 1800


def test_the_pod_is_restricted() -> None:
    """What the Pod Security Standard `restricted` asks for, and a read-only root."""
    spec = pod()["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert all({"name", "emptyDir"} == set(volume) for volume in spec["volumes"])
    for container in (sidecar(), engine()):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert all("hostPort" not in port for port in container["ports"])


def test_every_container_has_resources() -> None:
    """Requests for the scheduler, a memory limit for the neighbours; the sidecar's is above the 40 MiB it may use."""
    for container in (sidecar(), engine()):
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
    assert sidecar()["resources"]["limits"] == {"memory": "128Mi"}
    gpus = [engine()["resources"][side]["nvidia.com/gpu"] for side in ("requests", "limits")]
    assert gpus == ["1", "1"]


def test_images_are_pinned() -> None:
    """The sidecar to this version, and no tag floats."""
    assert sidecar()["image"].endswith(f":{__version__}")
    assert re.fullmatch(r"[a-z0-9./-]+:v\d+\.\d+\.\d+", engine()["image"])
    assert pod()["metadata"]["labels"]["app.kubernetes.io/version"] == engine()["image"].partition(":")[2]


def test_the_replica_is_named_by_the_pods_labels() -> None:
    """Every field that the downward API is asked for is a label of the pod."""
    fields = {
        variable["name"]: variable["valueFrom"]["fieldRef"]["fieldPath"]
        for variable in sidecar()["env"]
        if "fieldRef" in variable.get("valueFrom", {})
    }
    assert set(fields) == {"FOREWARN_DEPLOYMENT", "FOREWARN_VERSION", "FOREWARN_TRACK"}
    labels = {re.fullmatch(r"metadata\.labels\['(.+)'\]", path)[1] for path in fields.values()}  # type: ignore[index]
    assert labels <= set(pod()["metadata"]["labels"])


def test_the_sidecar_accepts_its_settings() -> None:
    """All of its environment, checked by its own loader, with nothing unknown."""
    (reference,) = sidecar()["envFrom"]
    settings = one("ConfigMap")
    assert reference["configMapRef"]["name"] == settings["metadata"]["name"]
    plain = {variable["name"]: variable["value"] for variable in sidecar()["env"] if "value" in variable}
    named = {"FOREWARN_DEPLOYMENT": "chat", "FOREWARN_VERSION": "v1", "FOREWARN_TRACK": "stable"}
    loaded = config.load(None, {**settings["data"], **plain, **named}, {})
    assert loaded.warnings == ()
    assert loaded.text("engine.url") == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Service", ("spec", "selector")),
        ("PodDisruptionBudget", ("spec", "selector", "matchLabels")),
        ("NetworkPolicy", ("spec", "podSelector", "matchLabels")),
        ("PodMonitor", ("spec", "selector", "matchLabels")),
        ("Deployment", ("spec", "selector", "matchLabels")),
    ],
)
def test_selectors_select_the_pod(kind: str, path: tuple[str, ...]) -> None:
    """Every selector is a part of the pod's labels."""
    selector: Any = one(kind)
    for step in path:
        selector = selector[step]
    assert selector
    assert selector.items() <= pod()["metadata"]["labels"].items()


def test_ports_are_named_once_and_found_by_name() -> None:
    """Service, policy, monitor and probes name ports that the pod has."""
    named = {port["name"]: port["containerPort"] for container in (sidecar(), engine()) for port in container["ports"]}
    assert named == {"forewarn": 9841, "http": 8000}
    assert one("Service")["spec"]["ports"][0]["targetPort"] in named
    assert {port["port"] for rule in one("NetworkPolicy")["spec"]["ingress"] for port in rule["ports"]} == set(named)
    assert one("PodMonitor")["spec"]["podMetricsEndpoints"][0]["port"] == "forewarn"


def test_autoscalers_scale_the_deployment_by_a_record_of_the_pack() -> None:
    """Both ask for this deployment's llm:desired_replicas, and the deployment leaves the number to them."""
    records = {rule["record"] for group in groups() for rule in group["rules"] if "record" in rule}
    name = one("Deployment")["metadata"]["name"]
    deployment = pod()["metadata"]["labels"]["app.kubernetes.io/instance"]
    scaled = one("ScaledObject", FOLDER / "keda")["spec"]
    hpa = one("HorizontalPodAutoscaler", FOLDER / "hpa")["spec"]
    assert "replicas" not in one("Deployment")["spec"]
    assert scaled["scaleTargetRef"]["name"] == hpa["scaleTargetRef"]["name"] == name
    assert "llm:desired_replicas" in records
    assert scaled["triggers"][0]["metadata"]["query"] == f'max(llm:desired_replicas{{deployment="{deployment}"}})'
    external = hpa["metrics"][0]["external"]["metric"]
    assert external["selector"]["matchLabels"] == {"deployment": deployment}
    assert external["name"] in (FOLDER / "hpa" / "prometheus-adapter.yaml").read_text(encoding="utf-8")


def test_missing_data_scales_to_the_fallback_and_not_to_the_minimum() -> None:
    """KEDA would take an empty answer for zero."""
    scaled = one("ScaledObject", FOLDER / "keda")["spec"]
    assert scaled["triggers"][0]["metadata"]["ignoreNullValues"] == "false"
    assert scaled["minReplicaCount"] < scaled["fallback"]["replicas"] <= scaled["maxReplicaCount"]


@pytest.fixture
def secured(tmp_path: Path) -> Path:
    """A folder of a user's own that lists the component on top of the resources."""
    listed = {
        "resources": [os.path.relpath(FOLDER, tmp_path)],
        "components": [os.path.relpath(FOLDER / "secured", tmp_path)],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(listed), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("release", RELEASES)
def test_secured_resources_fit_their_schemas(secured: Path, release: str) -> None:
    """Nothing is rejected, unknown or pruned."""
    for resource in rendered(secured):
        validate(resource, release)


def test_the_secured_sidecar_finds_what_is_mounted_and_is_asked_over_tls(secured: Path) -> None:
    """Its file lies in a mounted secret, every probe is HTTPS, and the rest of the container is as before."""
    spec = one("Deployment", secured)["spec"]["template"]["spec"]
    (container,) = spec["initContainers"]
    assert [container[probe]["httpGet"]["scheme"] for probe in PROBES] == ["HTTPS"] * 3
    assert [container[probe]["httpGet"]["path"] for probe in PROBES] == ["/-/healthy", "/-/healthy", "/-/ready"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    given = {name: value for name, value in environment.items() if value}
    assert config.load(None, given, {}).text("web.config_file") == "/etc/forewarn/web/web-config.yml"
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    secrets = {each["name"]: each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each}
    assert {path: secrets[name] for path, name in mounts.items()} == {
        "/etc/forewarn/web": "forewarn-web",
        "/etc/forewarn/tls": "forewarn-tls",
    }
    assert container["securityContext"] == sidecar()["securityContext"]


def test_the_secured_sidecar_is_scraped_over_tls_with_a_password(secured: Path) -> None:
    """At the same port and pace as before."""
    (plain,) = one("PodMonitor")["spec"]["podMetricsEndpoints"]
    (found,) = one("PodMonitor", secured)["spec"]["podMetricsEndpoints"]
    assert found["scheme"] == "https"
    assert found["tlsConfig"]["ca"]["secret"] == {"name": "forewarn-tls", "key": "ca.crt"}
    assert set(found["basicAuth"]) == {"username", "password"}
    assert {key: found[key] for key in plain} == plain
