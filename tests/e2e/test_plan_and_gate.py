"""`forewarn plan` and `forewarn gate` on a real Prometheus whose history is known to the request."""

from __future__ import annotations

import json
import math
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from forewarn import cli
from tools.demo.processes import HOST, Children, answers, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

MINUTES = 28 * 60
CHAT = '{deployment="chat",instance="%s",track="stable",engine="0"}'
MEAN, AMPLITUDE = 10.0, 0.5


@dataclass(frozen=True)
class History:
    """A Prometheus with 28 hours behind it."""

    url: str
    end: int


def load(seconds: float) -> float:
    """Requests that arrived until then, at 10 a second ± half over the day."""
    day = 2 * math.pi / 86_400
    return MEAN * (seconds + AMPLITUDE * math.sin(day * seconds) / day)


def counter(name: str, labels: str, value: Callable[[float], float], end: int, minutes: int = MINUTES) -> Iterator[str]:
    """Samples of a series, a minute apart."""
    yield f"# TYPE {name.removesuffix('_total')} {'counter' if name.endswith('_total') else 'gauge'}\n"
    for minute in range(minutes + 1):
        at = end - 60 * (minutes - minute)
        yield f"{name}{labels} {value(60.0 * minute):.3f} {at}\n"


def page(end: int) -> str:
    """OpenMetrics text of two replicas' load for the plan, and of two tracks for the gate."""
    lines: list[str] = []
    for name, per_request in (("arrived", 1.0), ("prompt", 600.0), ("generation", 200.0)):
        full = {"arrived": "llm_requests_arrived_total"}.get(name, f"llm_{name}_tokens_total")
        first, *rest = counter(full, CHAT % "a", lambda t, k=per_request: k * load(t) / 2, end)
        second = list(counter(full, CHAT % "b", lambda t, k=per_request: k * load(t) / 2, end))[1:]
        lines += [first, *rest, *second]
    gauges = {
        "llm_objective_replica_requests_per_second": 4.0,
        "llm_objective_spare_replicas": 2.0,
        "llm_replica_gpus": 2.0,
        "llm_replica_cost_usd_per_hour": 8.0,
        "llm_replica_cold_start_seconds": 240.0,
    }
    for name, value in gauges.items():
        lines += counter(name, CHAT % "a", lambda _, v=value: v, end)
    for name in ("llm_slo_requests_total", "llm_slo_violations_total"):
        lines.append(f"# TYPE {name.removesuffix('_total')} counter\n")
        for deployment, track, rate, bad in TRACKS:
            share = bad if "violations" in name else 1.0
            labels = f'{{deployment="{deployment}",track="{track}",sli="ttft"}}'
            lines += list(counter(name, labels, lambda t, r=rate, s=share: r * s * t, end, 60))[1:]
    return "".join(lines) + "# EOF\n"


TRACKS = (
    ("good", "stable", 10.0, 0.01),
    ("good", "canary", 2.5, 0.0105),
    ("bad", "stable", 10.0, 0.01),
    ("bad", "canary", 2.5, 0.08),
)
"""Deployment, track, requests/s, and the share of them over budget."""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A real Prometheus on blocks that promtool made."""
    folder: Path = tmp_path_factory.mktemp("history")
    end = int(time.time()) // 60 * 60
    (folder / "page.om").write_text(page(end), encoding="utf-8")
    (folder / "prometheus.yml").write_text("{}\n", encoding="utf-8")
    make = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "page.om"), str(folder / "data")]
    subprocess.run(make, check=True, capture_output=True)
    children = Children(folder, lambda _line: None)
    address = f"{HOST}:{free_port(0)}"
    flags = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    children.start("prometheus", ["prometheus", *flags, f"--web.listen-address={address}"])
    try:
        children.wait_for("Prometheus", lambda: answers(f"http://{address}/-/ready"), 60)
        yield History(f"http://{address}", end)
    finally:
        children.stop()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Status and JSON of a command."""
    status = cli.main([*arguments, "--json"], {})
    return status, json.loads(capsys.readouterr().out)


def test_the_plan_reads_what_the_history_holds(history: History, capsys: pytest.CaptureFixture[str]) -> None:
    """10 requests/s, half as much again at the peak, 600 and 200 tokens, and what the sidecars say of themselves."""
    status, made = run(capsys, "plan", "--from-prometheus", history.url, "--deployment", "chat", "--history", "24.1")
    inputs = made["inputs"]
    assert status == 0
    assert inputs["average_load"] == pytest.approx(10, rel=0.02)
    assert inputs["swing"] == pytest.approx(1.5, rel=0.02)
    assert (inputs["prompt_tokens"], inputs["output_tokens"]) == pytest.approx((600, 200), rel=1e-3)
    assert (inputs["replica_requests_per_second"], inputs["spares"], inputs["gpus_per_replica"]) == (4, 2, 2)
    assert (inputs["usd_per_gpu_hour"], inputs["cold_start_seconds"]) == (4, 240)
    assert (made["replicas"]["peak_need"], made["replicas"]["total"]) == (4, 4 + 2 + 1)


@pytest.mark.parametrize(("deployment", "status", "share"), [("good", 0, 0.0105), ("bad", 1, 0.08)])
def test_the_gate_judges_what_the_history_holds(
    history: History, capsys: pytest.CaptureFixture[str], deployment: str, status: int, share: float
) -> None:
    """4,500 canary requests in half an hour: 0.05 points over stable pass, 7 fail; the shares are the true ones."""
    arguments = ["gate", "--prometheus", history.url, "--deployment", deployment, "--end", str(history.end)]
    found, made = run(capsys, *arguments, "--guardrails", "ttft", "--slice", "3m")
    (ttft,) = made["guardrails"]
    assert found == status
    assert (ttft["canary"], ttft["stable"]) == pytest.approx((share, 0.01), rel=1e-6)
    assert (ttft["canary_requests"], ttft["stable_requests"]) == pytest.approx((4500, 18_000), rel=0.01)


def test_a_gate_without_series_is_not_enough_data(history: History, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2: a deployment that nobody scrapes."""
    status, made = run(capsys, "gate", "--prometheus", history.url, "--deployment", "none", "--end", str(history.end))
    assert (status, made["verdict"]) == (2, "not enough data")
    assert {each["verdict"] for each in made["guardrails"]} == {"no data"}
