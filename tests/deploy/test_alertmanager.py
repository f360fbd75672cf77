"""The Alertmanager example, by amtool and by a real Alertmanager."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import yaml

from forewarn.rulepack import groups
from tools.demo.processes import HOST, Children, answers, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = Path(__file__).parents[2] / "deploy" / "alertmanager" / "alertmanager.yml"
REPLICA = {"component": "llm", "namespace": "ml", "deployment": "chat", "instance": "10.0.0.1:9841", "engine": "0"}


def alert(name: str, **labels: str) -> dict[str, object]:
    """An alert as Prometheus sends it, of one replica unless labels say otherwise."""
    return {"labels": {"alertname": name, **REPLICA, **labels}}


def routed(**labels: str) -> str:
    """The receiver that amtool names for labels."""
    pairs = [f"{name}={value}" for name, value in labels.items()]
    command = ["amtool", "config", "routes", "test", f"--config.file={CONFIG}", *pairs]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_amtool_accepts_the_file() -> None:
    """The file is a valid configuration."""
    subprocess.run(["amtool", "check-config", str(CONFIG)], check=True, capture_output=True)


@pytest.mark.parametrize(("severity", "receiver"), [("critical", "page"), ("warning", "ticket"), ("info", "digest")])
def test_severity_decides_who_hears_of_it(severity: str, receiver: str) -> None:
    """Critical alerts page, warnings open tickets, the rest waits for a digest."""
    assert routed(component="llm", severity=severity) == receiver


def test_every_alert_named_in_an_inhibition_exists() -> None:
    """No inhibition names an alert that the pack does not have, and every pattern matches one."""
    known = {rule["alert"] for group in groups() for rule in group["rules"] if "alert" in rule}
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    for rule in config["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            name, operator, value = re.fullmatch(r'(\w+)(=~|=)"(.*)"', matcher).groups()
            if name == "alertname":
                found = {a for a in known if (re.fullmatch(value, a) if operator == "=~" else a == value)}
                assert found, matcher


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Alertmanager with the example's configuration; its base address."""
    folder = tmp_path_factory.mktemp("alertmanager")
    children = Children(folder, lambda _line: None)
    port = free_port(0)
    flags = [f"--config.file={CONFIG}", f"--storage.path={folder}", "--cluster.listen-address="]
    children.start("alertmanager", ["prometheus-alertmanager", *flags, f"--web.listen-address={HOST}:{port}"])
    base = f"http://{HOST}:{port}"
    children.wait_for("Alertmanager", lambda: answers(f"{base}/-/ready"), 30)
    yield base
    children.stop()


CASES = [
    ("engine down silences its queue", alert("LLMEngineDown"), alert("LLMQueueGrowing"), True),
    ("engine down silences its stale samples", alert("LLMEngineDown"), alert("LLMSamplesStale"), True),
    (
        "another replica's queue goes on",
        alert("LLMEngineDown"),
        alert("LLMQueueGrowing", instance="10.0.0.2:9841"),
        False,
    ),
    ("a stall silences its KV cache", alert("LLMEngineStalled"), alert("LLMKVCacheHigh"), True),
    ("a stall of another rank does not", alert("LLMEngineStalled"), alert("LLMKVCacheHigh", engine="1"), False),
    (
        "correlated failure silences its engines",
        alert("LLMCorrelatedFailure", version="v2"),
        alert("LLMEngineDown", version="v2"),
        True,
    ),
    (
        "an engine of another version goes on",
        alert("LLMCorrelatedFailure", version="v2"),
        alert("LLMEngineDown", version="v1"),
        False,
    ),
    ("the forecast silences the plain KV alert", alert("LLMKVCacheExhaustionImminent"), alert("LLMKVCacheHigh"), True),
    ("the forecast of late requests silences its queue", alert("LLMTTFTAtRisk"), alert("LLMQueueGrowing"), True),
    ("errors go on beside an engine that is down", alert("LLMEngineDown"), alert("LLMErrorsAboveBaseline"), False),
    (
        "the page silences the ticket of the same burn",
        alert("LLMTTFTBudgetBurn", severity="critical", signal="ttft", track="stable"),
        alert("LLMTTFTBudgetBurn", severity="warning", signal="ttft", track="stable"),
        True,
    ),
]


@pytest.mark.parametrize(
    ("cause", "symptom", "silenced"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_cause_silences_its_symptoms_and_nothing_else(
    alertmanager: str,
    request: pytest.FixtureRequest,
    cause: dict[str, object],
    symptom: dict[str, object],
    *,
    silenced: bool,
) -> None:
    """A real Alertmanager says that the symptom is inhibited, or that it is not."""
    # One cluster a case, so that cases do not silence each other.
    cluster = re.sub(r"\W+", "-", request.node.callspec.id)
    alerts = [{"labels": {**one["labels"], "cluster": cluster}} for one in (cause, symptom)]  # type: ignore[dict-item]
    assert requests.post(f"{alertmanager}/api/v2/alerts", json=alerts, timeout=5).ok
    deadline = time.monotonic() + 10
    states: dict[str, bool] = {}
    wanted = (str(alerts[0]["labels"]), str(alerts[1]["labels"]))
    while time.monotonic() < deadline:
        states = _inhibited(alertmanager, cluster)
        if set(wanted) <= set(states) and states[wanted[1]] == silenced:
            break
        time.sleep(0.1)
    assert states[wanted[0]] is False
    assert states[wanted[1]] is silenced


def test_two_windows_of_one_alert_are_one_notification(alertmanager: str) -> None:
    """The fast and the slow form of an outcome alert page together: one group has both."""
    both = [alert("LLMErrorsAboveBaseline", severity="critical", window=w, cluster="windows") for w in ("2m", "10m")]
    assert requests.post(f"{alertmanager}/api/v2/alerts", json=both, timeout=5).ok
    deadline = time.monotonic() + 10
    groups_of: list[set[str]] = []
    while time.monotonic() < deadline and groups_of != [{"2m", "10m"}]:
        query = {"filter": 'cluster="windows"'}
        answer = requests.get(f"{alertmanager}/api/v2/alerts/groups", params=query, timeout=5).json()
        groups_of = [{one["labels"]["window"] for one in group["alerts"]} for group in answer]
        time.sleep(0.1)
    assert groups_of == [{"2m", "10m"}]


def _inhibited(base: str, cluster: str) -> dict[str, bool]:
    """Labels (as text, in the order they were sent) → whether the alert is inhibited."""
    answer = requests.get(f"{base}/api/v2/alerts", params={"filter": f'cluster="{cluster}"'}, timeout=5).json()
    found = {}
    for one in answer:
        order = ["alertname", *REPLICA, *sorted(set(one["labels"]) - {"alertname", *REPLICA, "cluster"}), "cluster"]
        found[str({name: one["labels"][name] for name in order})] = bool(one["status"]["inhibitedBy"])
    return found
