"""Probes of the real engine: a wedge without work, a restart, golden prompts, and a model that is not there."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from forewarn import cli, rulepack
from tests.vllm.exposition import fetch
from tests.vllm.processes import answers, child, wait_until
from tests.vllm.vllm_page import is_idle, raw_page
from tools.demo import prometheus
from tools.vllm_cpu.serve import HOST, MODEL, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vllm.conftest import StartSidecar
    from tests.vllm.exposition import Page
    from tests.vllm.processes import Sidecar
    from tools.vllm_cpu.serve import Engine

pytestmark = pytest.mark.vllm

PROMPT = "The quick brown fox"
ON = {"PROBE_ENABLED": "true", "PROBE_IDLE_AFTER": "5", "PROBE_DEADLINE": "3"}
IDLE_AFTER, DEADLINE, POLL = 5, 3, 2


def ready(side: Sidecar) -> bool:
    """Whether the replica takes traffic."""
    return fetch(f"{side.url}/-/ready")[0] == 200


def sent(page: Page, kind: str, *results: str) -> float:
    """Probes of a kind so far that ended so; dummy weights may give tokens without text."""
    return sum(page.value("llm_probe_requests_total", kind=kind, result=result) or 0.0 for result in results)


def test_a_wedge_with_nothing_to_do_is_found_pages_and_ends(
    engine: Engine, start_sidecar: StartSidecar, tmp_path: Path
) -> None:
    """EngineCore stopped, /health 200: a probe finds it, the alert fires, readiness goes, and all come back."""
    with start_sidecar(**ON, READINESS_DOWN_AFTER="5", READINESS_UP_AFTER="2") as side:
        port = free_port()
        base = f"http://{HOST}:{port}"
        prometheus.write_config(tmp_path, side.url.removeprefix("http://"))
        # The alert's end is to be seen too, without the minute for which it goes on firing.
        rulepack.write(tmp_path, rulepack.sources(keep_firing=False))
        command = prometheus.command(["prometheus"], tmp_path, port)
        with child("prometheus", command, tmp_path / "prometheus.log", os.environ):
            wait_until("Prometheus is ready", lambda: answers(f"{base}/-/ready"), 30)
            side.wait_for("a probe that came back", lambda page: page.value("llm_probe_success") == 1)
            assert ready(side)
            core = engine.core_pids()[0]
            os.kill(core, signal.SIGSTOP)
            stopped = time.monotonic()
            try:
                side.wait_for("llm_engine_stalled 1", lambda page: page.value("llm_engine_stalled") == 1)
                told_after = time.monotonic() - stopped
                wedged, raw, health = side.page(), raw_page(engine), engine.health()
                wait_until("readiness goes", lambda: not ready(side), 15)
                reason = fetch(f"{side.url}/-/ready")[1]
                wait_until("LLMEngineStalled fires", lambda: "LLMEngineStalled" in prometheus.firing(base), 60)
            finally:
                os.kill(core, signal.SIGCONT)
            side.wait_for("llm_engine_stalled 0", lambda page: page.value("llm_engine_stalled") == 0)
            wait_until("readiness is back", lambda: ready(side), 15)
            assert side.page().value("llm_probe_success") == 1
            wait_until("the alert ends", lambda: "LLMEngineStalled" not in prometheus.firing(base), 90)
    # A probe may have come back just before the stop, and a poll just before its tokens.
    assert told_after <= IDLE_AFTER + DEADLINE + 2 * POLL
    assert health == 200
    assert is_idle(raw) or raw.number("vllm:num_requests_running") + raw.number("vllm:num_requests_waiting") <= 1
    assert (wedged.value("llm_engine_up"), wedged.value("llm_probe_success")) == (1, 0)
    assert reason.startswith("engine stalled for ")


def test_a_restart_arms_the_gate_and_the_gate_opens(engine: Engine, start_sidecar: StartSidecar) -> None:
    """An engine that had served is warm at once; its next process is cold until synthetic requests settled."""
    served = json.loads(ask_directly(engine, PROMPT))
    assert served["choices"]
    with start_sidecar(WARMUP_ENABLED="true", WARMUP_TOLERANCE_RATIO="0.5") as side:
        wait_until("readiness", lambda: ready(side), 60)
        engine.stop()
        side.wait_for("llm_engine_up 0", lambda page: page.value("llm_engine_up") == 0)
        before = sent(side.page(), "warmup", "success", "empty")
        engine.start()
        cold = side.wait_for("a cold replica", lambda page: page.value("llm_replica_warm") == 0)
        warm = side.wait_for("a warm replica", lambda page: page.value("llm_replica_warm") == 1, 120)
        assert ready(side)
    assert cold.number("llm_replica_ready") == 0
    assert cold.number("llm_warmup_progress_ratio") < 1
    assert warm.number("llm_warmup_failed") == 0
    assert sent(warm, "warmup", "success", "empty") >= before + 9
    assert 5 < warm.number("llm_replica_cold_start_seconds") < 240
    assert 0 < warm.number("llm_warmup_duration_seconds") < warm.number("llm_replica_cold_start_seconds")


def test_golden_prompts_score_what_the_model_says(engine: Engine, start_sidecar: StartSidecar, tmp_path: Path) -> None:
    """A suite that knows the greedy answer scores 1, one that expects something else drops."""
    known = json.loads(ask_directly(engine, PROMPT))["choices"][0]["text"]
    schema = {"type": "object", "required": ["answer"]}
    suites = {
        "known": [{"prompt": PROMPT, "expect": {"exact": known, "min_length": 1}}],
        "other": [
            {"prompt": PROMPT, "expect": {"exact": known}},
            {"prompt": PROMPT, "expect": {"contains": "an answer that no dummy weights give"}},
            {"prompt": PROMPT, "expect": {"json_schema": schema}},
            {"prompt": PROMPT, "expect": {"regex": "."}},
        ],
    }
    folder = tmp_path / "suites"
    folder.mkdir()
    for name, cases in suites.items():
        suite = {"suite": name, "endpoint": "completions", "sampling": {"max_tokens": 12}, "cases": cases}
        (folder / f"{name}.yml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    with start_sidecar(QUALITY_SUITES=str(folder)) as side:
        page = side.wait_for("both scores", lambda page: len(page.find("llm_quality_score")) == 2, 60)
    assert page.by("suite", "llm_quality_score") == {"known": 1.0, "other": 0.5}
    assert page.value("llm_quality_cases_total", suite="other", outcome="failed") == 2
    assert page.value("llm_quality_cases_total", suite="known", outcome="passed") == 1
    assert (page.value("llm_probe_tokens_total", kind="golden") or 0) >= 5 * 12


def test_a_model_that_is_not_served_is_no_stall(engine: Engine, start_sidecar: StartSidecar) -> None:
    """The probe is refused, says so, and blames nobody."""
    with start_sidecar(**ON, PROBE_MODEL="missing") as side:
        side.wait_for("a refused probe", lambda page: sent(page, "liveness", "refused") >= 1)
        page = side.page()
    assert engine.health() == 200
    assert page.value("llm_probe_success") is None
    assert page.value("llm_engine_stalled") == 0


def test_probes_can_be_sent_by_hand(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """`forewarn probe --warmup` on the real engine: a line each, status 0."""
    assert cli.main(["probe", "--engine-url", engine.url, "--warmup"], {}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["liveness", "warmup", "warmup", "warmup"]
    # Dummy weights may give eight tokens without text, which the line then says behind the count.
    assert f"  {1024 + 8} tokens" in lines[3]


def ask_directly(engine: Engine, prompt: str) -> str:
    """The engine's own answer to a greedy prompt of twelve tokens, not streamed."""
    body = {"model": MODEL, "prompt": prompt, "max_tokens": 12, "temperature": 0}
    connection = http.client.HTTPConnection(HOST, engine.settings.port, timeout=60)
    try:
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()
