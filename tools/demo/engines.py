"""The two engines of the demo: the simulated one, and a real vLLM on the CPU."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Protocol

import yaml

from tools.demo.processes import HOST, DemoError
from tools.vllm_cpu import load, serve

if TYPE_CHECKING:
    from pathlib import Path

    from tools.demo.processes import Children

_STAGE_SECONDS = 20.0
_STAGES = (4, 12, 20, 28, 36, 48, 64, 80, 4, 4)
"""Concurrent requests of the real engine's load, stage by stage; about 16 fit into its KV cache."""


class DemoEngine(Protocol):
    """An engine that plays an incident."""

    start_seconds: float
    awaits: str
    """The sidecar's path that answers 200 when the incident may begin."""

    def start(self, children: Children) -> None:
        """Start the server."""

    def settings(self) -> dict[str, object]:
        """Settings of the sidecar that fit this engine."""

    def begin(self) -> float:
        """Begin the incident; returns its duration in seconds."""


class Simulated:
    """`lab/vllm_sim`; its scenario begins with the server."""

    start_seconds = 60.0
    awaits = "/-/healthy"
    """Its incident runs already, and under a surge a warm-up may not settle before its end."""

    def __init__(self, root: Path, _folder: Path, port: int, scenario: str | None) -> None:
        self._path = scenario or str(root / "lab" / "scenarios" / "overload.yaml")
        self._port = port
        try:
            with open(self._path, encoding="utf-8") as file:
                self._scenario = yaml.safe_load(file)
        except (OSError, yaml.YAMLError) as error:
            raise DemoError(
                f"--scenario: expected a readable scenario, got {self._path}: {type(error).__name__}"
            ) from None

    def start(self, children: Children) -> None:
        """Start the server."""
        where = ["--host", HOST, "--port", str(self._port)]
        children.start("engine", [sys.executable, "-m", "lab.vllm_sim", "--scenario", self._path, *where])

    def settings(self) -> dict[str, object]:
        """The scenario's own budget."""
        budget = self._scenario.get("ttft_slo_seconds", 2.0)
        return {"objectives": {"ttft_seconds": budget}, "deployment": "demo", "sampling": {"peak_window": 10}}

    def begin(self) -> float:
        """It has begun already; the duration is that of the scenario's phases."""
        return float(sum(phase["duration"] for phase in self._scenario["phases"]))


class RealVllm:
    """A real vLLM with a tiny model and a small KV cache, under load that grows stage by stage."""

    start_seconds = 300.0
    awaits = "/-/ready"

    def __init__(self, root: Path, folder: Path, port: int, _scenario: str | None) -> None:
        self._root = root
        self._folder = folder
        self._port = port

    def start(self, children: Children) -> None:
        """Start the server."""
        small = ["--num-gpu-blocks-override", "48", "--max-num-seqs", "32"]
        script = str(self._root / "tools" / "vllm_cpu" / "serve.py")
        venv = str(self._root / ".venv-vllm")
        children.start("engine", [sys.executable, script, "--venv", venv, "--port", str(self._port), "--", *small])

    def settings(self) -> dict[str, object]:
        """Budgets that this small engine keeps while its queue is short."""
        return {"objectives": {"ttft_seconds": 2.0}, "deployment": "demo", "sampling": {"peak_window": 10}}

    def begin(self) -> float:
        """Start the load in the background; it ends with the last stage."""
        threading.Thread(target=self._load, name="load", daemon=True).start()
        return _STAGE_SECONDS * len(_STAGES)

    def _load(self) -> None:
        for number, concurrency in enumerate(_STAGES):
            plan = load.Plan(
                url=f"http://{HOST}:{self._port}",
                model=serve.MODEL,
                concurrency=concurrency,
                requests=100_000,
                max_tokens=200,
                seed=number,
            )
            stop = threading.Event()
            threading.Timer(_STAGE_SECONDS, stop.set).start()
            load.run(plan, stop)


ENGINES = {"simulated": Simulated, "vllm": RealVllm}
