"""The rules pack on real software: Prometheus, and vmalert with VictoriaMetrics, see the same incident alike."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import requests

from forewarn import rulepack
from tests.e2e.stack import PHASE
from tools.demo import prometheus
from tools.demo.processes import HOST, answers, free_port

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

OVERLOAD = {
    "engine": {"max_num_seqs": 64, "num_gpu_blocks": 1152, "block_size": 16},
    "phases": [
        {**PHASE, "duration": 20},
        {**PHASE, "rate": 45, "duration": 180},
        {**PHASE, "rate": 2, "duration": 900},
    ],
}
EXPECTED = {"LLMQueueGrowing", "LLMPreemptionsSustained", "LLMKVCacheExhaustionImminent"}
EVERY = "2s"


def test_prometheus_and_vmalert_fire_the_same_alerts_and_resolve_them(stack: Stack) -> None:
    """An overload fires the queue, KV-cache and preemption alerts in both, and the queue's resolves once it is over."""
    stack.start(OVERLOAD)
    base = _start_prometheus(stack)
    vmalert = _start_vmalert(stack)
    seen: dict[str, set[str]] = {"prometheus": set(), "vmalert": set()}

    def all_fired() -> bool:
        seen["prometheus"] |= prometheus.firing(base)
        seen["vmalert"] |= _vmalert_firing(vmalert)
        return seen["prometheus"] >= EXPECTED and seen["vmalert"] >= EXPECTED

    stack.until(all_fired, seconds=300)
    stack.until(lambda: "LLMQueueGrowing" not in prometheus.firing(base) | _vmalert_firing(vmalert), seconds=600)
    assert not {"LLMEngineDown", "LLMExporterDown", "LLMSignalMissing", "LLMPackSchemaMismatch"} & set.union(
        *seen.values()
    )


def _start_prometheus(stack: Stack) -> str:
    port = free_port(0)
    prometheus.write_config(stack.folder, stack.sidecar)
    stack.children.start("prometheus", prometheus.command(["prometheus"], stack.folder, port))
    base = f"http://{HOST}:{port}"
    stack.children.wait_for("Prometheus", lambda: answers(f"{base}/-/ready"), 60)
    return base


def _start_vmalert(stack: Stack) -> str:
    """VictoriaMetrics scrapes the sidecar, vmalert evaluates the pack's own files against it."""
    store, alert = f"{HOST}:{free_port(0)}", f"{HOST}:{free_port(0)}"
    scrape = stack.folder / "vm-scrape.yml"
    scrape.write_text(
        f"scrape_configs:\n- job_name: forewarn\n  scrape_interval: {EVERY}\n"
        f"  static_configs:\n  - targets: ['{stack.sidecar}']\n",
        encoding="utf-8",
    )
    data = stack.folder / "vm-data"
    flags = [f"-storageDataPath={data}", f"-httpListenAddr={store}", f"-promscrape.config={scrape}"]
    # Values are visible to queries at once, as in Prometheus, instead of half a minute later.
    stack.children.start("victoria-metrics", [_program("victoria-metrics"), *flags, "-search.latencyOffset=1s"])
    stack.children.wait_for("VictoriaMetrics", lambda: answers(f"http://{store}/health"), 60)
    # Debian's vmalert predates keep_firing_for.
    pack = stack.folder / "vmalert-rules"
    rulepack.write(pack, rulepack.sources(keep_firing=False))
    rules = [f"-rule={pack}/*.rules.yml", f"-evaluationInterval={EVERY}"]
    urls = [f"-{use}.url=http://{store}" for use in ("datasource", "remoteWrite", "remoteRead")]
    stack.children.start(
        "vmalert", [_program("vmalert"), *rules, *urls, f"-httpListenAddr={alert}", "-notifier.url=http://127.0.0.1:9"]
    )
    stack.children.wait_for("vmalert", lambda: answers(f"http://{alert}/health"), 60)
    return f"http://{alert}"


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is not on PATH: apt-get install victoria-metrics"
    return path


def _vmalert_firing(base: str) -> set[str]:
    alerts = requests.get(f"{base}/api/v1/alerts", timeout=5).json()["data"]["alerts"] or []
    return {alert["name"] for alert in alerts if alert["state"] == "firing"}
