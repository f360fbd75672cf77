"""Processes of one end-to-end test, and questions to their pages."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tools.demo.processes import HOST, Children, answers, free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PHASE = {"rate": 15, "prompt_tokens": {"mean": 700, "sigma": 0.3}, "output_tokens": {"mean": 22, "sigma": 0.4}}
"""A load that the simulated engine serves with ease."""


class Stack:
    """A simulated engine and its sidecar, both children of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children = Children(folder, lambda _line: None)
        self.engine = f"{HOST}:{free_port(0)}"
        self.sidecar = f"{HOST}:{free_port(0)}"

    def start(self, scenario: dict[str, object], **variables: str) -> None:
        """Play `scenario` and watch it with a sidecar set up by `FOREWARN_*` variables."""
        self.start_engine(scenario)
        self.start_sidecar(f"http://{self.engine}", **variables)

    def start_engine(self, scenario: dict[str, object]) -> None:
        """Play `scenario`, from its beginning."""
        path = self.folder / "scenario.yaml"
        path.write_text(yaml.safe_dump({"name": "test", "seed": 1, "at_end": "loop", **scenario}), encoding="utf-8")
        port = self.engine.rpartition(":")[2]
        self.children.start("engine", [sys.executable, "-m", "lab.vllm_sim", "--scenario", str(path), "--port", port])

    def start_sidecar(self, engine_url: str, *wrapper: str, **variables: str) -> None:
        """Watch an engine; `wrapper` is a command that runs the sidecar's, which is appended to it."""
        run = [sys.executable, "-m", "forewarn", "run", "--engine-url", engine_url, "--listen", self.sidecar]
        self.children.start("forewarn", [*wrapper, *run], variables)
        self.children.wait_for("the sidecar", lambda: answers(f"http://{self.sidecar}/-/ready"), 120)

    def samples(self) -> dict[tuple[str, str], float]:
        """The sidecar's page: (name, value of its own label or "") → value, for a stack of one rank."""
        text = requests.get(f"http://{self.sidecar}/metrics", timeout=10).text
        found = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                own = [sample.labels[label] for label in OWN_LABELS if label in sample.labels]
                found[sample.name, own[0] if own else ""] = sample.value
        return found

    def value(self, name: str, own: str = "") -> float | None:
        """One sample of the sidecar's page, None when it is absent."""
        return self.samples().get((name, own))

    def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait for `condition`; fails with the sidecar's log when it does not come true."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.children.check()
            if time.monotonic() > deadline:
                log = (self.folder / "forewarn.log").read_text(encoding="utf-8")
                raise AssertionError(f"not true within {seconds:.0f} s; the sidecar's log:\n{log[-3000:]}")
            time.sleep(0.2)


OWN_LABELS = ("reason", "sli", "method", "signal", "result", "speed", "collector", "le")
