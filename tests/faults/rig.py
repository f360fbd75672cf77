"""A sidecar under fault: its process, its page, and a watch over both that never ends."""

from __future__ import annotations

import http.client
import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.stack import PHASE, Stack
from tests.faults.engine import BusyEngine
from tests.vllm.exposition import fetch_page

if TYPE_CHECKING:
    import socket

    from tests.vllm.exposition import Key, Page

QUICK = {
    "FOREWARN_POLL_FAST_INTERVAL": "0.1",
    "FOREWARN_POLL_FULL_INTERVAL": "0.3",
    "FOREWARN_POLL_FALLBACK_INTERVAL": "0.3",
    "FOREWARN_POLL_TIMEOUT": "1",
    "FOREWARN_POLL_MAX_SAMPLE_AGE": "3",
    "FOREWARN_PROBE_ENABLED": "false",
    "FOREWARN_WARMUP_ENABLED": "false",
}
"""Polling fast enough that two polls are a second, without requests of the sidecar's own."""
OWN_KNOWLEDGE = ("llm_objective_", "llm_replica_", "llm_probe_", "llm_warmup_", "llm_quality_", "llm_engine_up")
"""What is shown while the engine cannot be seen, because the engine is not its source."""


def of_the_engine(page: Page) -> set[str]:
    """Names of the series that tell something about the engine, but for whether it is up."""
    return {name for name in page.names() if name.startswith("llm_") and not name.startswith(OWN_KNOWLEDGE)}


@dataclass(frozen=True, slots=True)
class Look:
    """A page, and how many whole polls had begun and how many polls had failed before it."""

    page: Page
    begun: int
    failed: int


class Rig:
    """A stack whose engine is made of pages, or is the simulator's process when `simulated`."""

    def __init__(self, folder: Path, *, simulated: bool = False, secure: bool = False) -> None:
        self.folder = folder
        self.stack = Stack(folder)
        self.engine = BusyEngine(secure=secure)
        self.simulated = simulated
        self.broken: list[str] = []
        self.clients: list[socket.socket] = []
        self._highest: dict[Key, float] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def start(self, *wrapper: str, **variables: str) -> None:
        """Start engine, sidecar and the watch."""
        if self.simulated:
            self.start_simulator()
            url = f"http://{self.stack.engine}"
        else:
            self.engine.__enter__()
            url = self.engine.origin
        self.stack.start_sidecar(url, *wrapper, **{**QUICK, **variables})
        self._watcher.start()

    def start_simulator(self) -> None:
        """Start the simulated engine on its port, its counts at zero."""
        self.stack.start_engine({"phases": [{**PHASE, "duration": 600}]})

    def stop(self) -> None:
        """End everything. Raises what the page server met that it should not have."""
        self._over.set()
        if self._watcher.ident is not None:
            self._watcher.join()
        self.stack.children.stop()
        if not self.simulated:
            self.engine.heal()
            self.engine.__exit__(None, None, None)

    @property
    def pid(self) -> int:
        """The sidecar's process."""
        return self.stack.children.process("forewarn").pid

    def alive(self) -> bool:
        """Whether the sidecar's process runs."""
        return self.stack.children.process("forewarn").poll() is None

    def log(self) -> str:
        """What the sidecar has logged."""
        return (self.folder / "forewarn.log").read_text(encoding="utf-8", errors="replace")

    def page(self) -> Page:
        """The sidecar's page, which is whole and never contradicts an earlier one."""
        # One at a time, so that pages are judged in the order in which they were made.
        with self._lock:
            page = fetch_page(f"http://{self.stack.sidecar}/metrics")
            self._judge(page)
        return page

    def look(self, seconds: float = 30.0) -> Look:
        """The next page, however often it does not come, and the polls that had begun before it was asked for."""
        deadline = time.monotonic() + seconds
        while True:
            begun = self.engine.requests["/metrics"]
            try:
                page = self.page()
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
                continue
            results = page.by("result", "forewarn_polls_total")
            total = int(sum(results.values()))
            return Look(page, total + 1 if self.simulated else begun, total - int(results["success"]))

    def reset_peak(self) -> None:
        """Let the greatest resident size begin anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def peak_mib(self) -> float:
        """Greatest resident size since `reset_peak`."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise ProcessLookupError(f"process {self.pid} has ended")

    def _judge(self, page: Page) -> None:
        """Note what no page may show, whatever the fault: nonsense, stale series, counts that fell."""
        for (name, own), value in page.samples.items():
            if math.isnan(value) or value < 0:
                self.broken.append(f"{name}{sorted(own)} is {value}")
        if set(page.find("llm_engine_up").values()) == {0.0} and of_the_engine(page):
            self.broken.append(f"up is 0 beside {sorted(of_the_engine(page))[:5]}")
        for key in page.cumulative:
            if page.samples[key] < self._highest.get(key, 0.0):
                self.broken.append(f"{key[0]}{sorted(key[1])} fell: {self._highest[key]} → {page.samples[key]}")
            self._highest[key] = max(page.samples[key], self._highest.get(key, 0.0))

    def _watch(self) -> None:
        """Fetch the page again and again; one that does not come is broken unless a fault says that it may not."""
        while not self._over.wait(0.15):
            try:
                self.page()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.broken.append(f"no page: {type(error).__name__}: {error}")
            if not self.alive():
                self.broken.append("the sidecar's process has ended")
                return
