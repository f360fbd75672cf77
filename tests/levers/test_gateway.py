"""The levers end to end: Alertmanager or Prometheus → the service → a real LiteLLM proxy → two simulated engines."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from tests.tools.prometheus_server import FakePrometheus, prometheus
from tools.demo.processes import HOST, Children, answers, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.levers

ROOT = Path(__file__).parents[2]
LEVERS = ROOT / "deploy" / "levers"
LITELLM = ROOT / ".venv-litellm" / "bin" / "litellm"
CAP = 5
SEES_WITHIN = 1.5
"""Seconds after which the proxy asks anew."""
RISE = 5.0
QUIET = {
    "name": "quiet",
    "phases": [{"duration": 600, "rate": 0.1, "prompt_tokens": 50, "output_tokens": 20}],
}


class Gateway:
    """Everything between a client and the engines, and what moves the levers."""

    def __init__(self, folder: Path, fake: FakePrometheus) -> None:
        self.folder = folder
        self.children = Children(folder, lambda _line: None)
        self.ports = {name: free_port(0) for name in ("large", "small", "levers", "litellm", "alertmanager")}
        self.prometheus = fake

    def url(self, name: str) -> str:
        """The address of a part."""
        return f"http://{HOST}:{self.ports[name]}"

    def start(self) -> None:
        """Start all parts; returns when a request could be served."""
        assert LITELLM.exists(), "no LiteLLM: make test-levers installs it"
        (self.folder / "quiet.yaml").write_text(yaml.safe_dump(QUIET), encoding="utf-8")
        for name in ("large", "small"):
            command = [sys.executable, "-m", "lab.vllm_sim", "--scenario", str(self.folder / "quiet.yaml")]
            self.children.start(
                name, [*command, "--port", str(self.ports[name]), "--model", MODELS[name], "--speed", "4"]
            )
        self._start_litellm()
        self._start_levers()
        self._start_alertmanager()
        self.children.wait_for("LiteLLM", lambda: answers(self.url("litellm") + "/health/liveliness"), 150)
        self.children.wait_for("Alertmanager", lambda: answers(self.url("alertmanager") + "/-/ready"), 30)

    def _start_litellm(self) -> None:
        for name in ("forewarn_litellm.py", "litellm.yaml"):
            shutil.copy(LEVERS / name, self.folder)
        (self.folder / "keys.json").write_text(json.dumps({"sk-paying": "high", "sk-free": "low"}), encoding="utf-8")
        self.children.start(
            "litellm",
            [
                str(LITELLM),
                "--config",
                str(self.folder / "litellm.yaml"),
                "--host",
                HOST,
                "--port",
                str(self.ports["litellm"]),
            ],
            {
                "CHAT_URL": self.url("large") + "/v1",
                "CHAT_SMALL_URL": self.url("small") + "/v1",
                "FOREWARN_LEVERS_URL": self.url("levers") + "/levers",
                "FOREWARN_FALLBACKS": "chat=chat-small",
                "FOREWARN_KEYS": str(self.folder / "keys.json"),
                "FOREWARN_MAX_TOKENS": str(CAP),
                "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(24)}",
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            },
        )

    def _start_levers(self) -> None:
        command = [sys.executable, str(LEVERS / "forewarn_levers.py"), "--listen", f"{HOST}:{self.ports['levers']}"]
        signal = ["--prometheus", self.prometheus.url, "--deployment", "chat", "--every", "0.2"]
        self.children.start("levers", [*command, *signal, "--rise", str(RISE), "--hold", "1"])

    def _start_alertmanager(self) -> None:
        config = (LEVERS / "alertmanager.yml").read_text(encoding="utf-8")
        assert "http://127.0.0.1:9842/alerts" in config
        config = config.replace("http://127.0.0.1:9842", self.url("levers")).replace(
            "group_interval: 10s", "group_interval: 1s"
        )
        (self.folder / "alertmanager.yml").write_text(config, encoding="utf-8")
        flags = [f"--config.file={self.folder / 'alertmanager.yml'}", f"--storage.path={self.folder}"]
        listen = ["--cluster.listen-address=", f"--web.listen-address={HOST}:{self.ports['alertmanager']}"]
        self.children.start("alertmanager", ["prometheus-alertmanager", *flags, *listen])

    def alert(self, *, firing: bool) -> None:
        """What Prometheus sends to Alertmanager."""
        now = time.time()
        ends = now + 300 if firing else now - 1
        stamp = {
            name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
            for name, at in (("startsAt", now - 60), ("endsAt", ends))
        }
        labels = {"alertname": "LLMFleetDegraded", "deployment": "chat", "level": "2"}
        sent = requests.post(
            f"{self.url('alertmanager')}/api/v2/alerts", json=[{"labels": labels, **stamp}], timeout=10
        )
        sent.raise_for_status()

    def shares(self) -> tuple[float, ...]:
        """How far the levers are pulled: shorten, shed, fall back."""
        found: dict[str, float] = requests.get(self.url("levers") + "/levers", timeout=5).json()["shares"]
        return tuple(found.values())

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for `condition`; fails when it does not come true."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.children.check()
            assert time.monotonic() < deadline, f"not true within {seconds:g} s; levers {self.shares()}"
            time.sleep(0.05)

    def sees(self) -> None:
        """Let the proxy ask for the levers: a request makes it, if its last answer is older than a second."""
        time.sleep(SEES_WITHIN)
        self.ask()

    def ask(self, key: str = "sk-paying", **body: Any) -> requests.Response:  # noqa: ANN401  a request is JSON
        """A chat completion through the proxy."""
        chat = {"model": "chat", "messages": [{"role": "user", "content": "hello"}], **body}
        head = {"Authorization": f"Bearer {key}"}
        return requests.post(self.url("litellm") + "/v1/chat/completions", json=chat, headers=head, timeout=30)


MODELS = {"large": "llama-70b", "small": "llama-8b"}


def tokens(answer: requests.Response) -> int:
    """Generated tokens."""
    return int(answer.json()["usage"]["completion_tokens"])


def served_by(answer: requests.Response) -> str:
    """The engine that answered."""
    return answer.headers["x-litellm-model-api-base"]


@pytest.fixture(scope="module")
def level() -> dict[str, int]:
    """What the recorded level is; tests change it."""
    return {"level": 0}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, level: dict[str, int]) -> Iterator[Gateway]:
    """The whole chain, started once."""
    with prometheus(lambda *_: [{"metric": {}, "value": [0, str(level["level"])]}]) as fake:
        made = Gateway(tmp_path_factory.mktemp("gateway"), fake)
        try:
            made.start()
            yield made
        finally:
            made.children.stop()


def is_calm(gateway: Gateway) -> None:
    """Both keys get whole answers of the large model."""
    gateway.until(lambda: gateway.shares() == (0, 0, 0))
    gateway.sees()
    for key in ("sk-paying", "sk-free"):
        answer = gateway.ask(key)
        assert (answer.status_code, tokens(answer), served_by(answer)) == (200, 20, gateway.url("large") + "/v1")


def test_alertmanager_shortens_then_sheds_then_restores(gateway: Gateway) -> None:
    """Half of the answers first, then all; then the free tier is turned away; then all is well."""
    is_calm(gateway)
    gateway.alert(firing=True)
    gateway.until(lambda: gateway.shares() == (0.5, 0, 0))
    gateway.sees()
    with ThreadPoolExecutor(10) as pool:
        lengths = list(pool.map(lambda _: tokens(gateway.ask()), range(10)))
    assert gateway.shares() == (0.5, 0, 0), "the machine was too slow to see the half step"
    assert sorted(lengths) == [CAP] * 5 + [20] * 5
    gateway.until(lambda: gateway.shares() == (1, 1, 0))
    gateway.sees()
    paying, free = gateway.ask(), gateway.ask("sk-free")
    assert (paying.status_code, tokens(paying), served_by(paying)) == (200, CAP, gateway.url("large") + "/v1")
    assert (free.status_code, free.headers["retry-after"]) == (429, "30")
    assert tokens(gateway.ask(max_tokens=3)) == 3
    gateway.alert(firing=False)
    is_calm(gateway)


def test_the_series_falls_back_to_the_small_model_last(gateway: Gateway, level: dict[str, int]) -> None:
    """Level 3 pulls all, in order and step by step, and comes back the same way."""
    level["level"] = 3
    gateway.until(lambda: gateway.shares() == (1, 1, 1))
    gateway.sees()
    answer = gateway.ask()
    assert (answer.status_code, tokens(answer), served_by(answer)) == (200, CAP, gateway.url("small") + "/v1")
    level["level"] = 0
    is_calm(gateway)
    log = (gateway.folder / "levers.log").read_text(encoding="utf-8").splitlines()
    steps = [tuple(json.loads(line.partition(": ")[2]).values()) for line in log if "shorten" in line][-12:]
    up = [(0.5, 0, 0), (1, 0, 0), (1, 0.5, 0), (1, 1, 0), (1, 1, 0.5), (1, 1, 1)]
    assert steps == [*up, *up[-2::-1], (0, 0, 0)]


def test_requests_go_on_when_the_levers_hang(gateway: Gateway) -> None:
    """A service that does not answer holds no request up for long."""
    gateway.children.pause("levers")
    time.sleep(SEES_WITHIN)
    started = time.monotonic()
    assert gateway.ask().status_code == 200
    assert time.monotonic() - started < 10
    gateway.children.resume("levers")


def test_an_unknown_key_is_turned_away(gateway: Gateway) -> None:
    """The levers open no door."""
    assert gateway.ask("sk-nobody").status_code == 401
