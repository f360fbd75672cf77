"""Children of the tests: the sidecar under test and a Prometheus, each ended with its test; and patience."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from tests.vllm.exposition import Page, fetch, fetch_page
from tools.vllm_cpu.load import Plan, run
from tools.vllm_cpu.serve import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from tools.vllm_cpu.load import Record

T = TypeVar("T")


def wait_until(what: str, probe: Callable[[], T | None], seconds: float) -> T:
    """Return the first truthy answer of `probe`. Raises TimeoutError naming `what` after `seconds` without one."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
    return answer


@contextmanager
def child(name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run `command` for the length of the block. Raises RuntimeError when it had ended before."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=dict(environment)
        )
    try:
        yield
        ended = process.poll()
        if ended is not None:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"{name} ended by itself with status {ended}:\n{tail}")
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Sidecar:
    """A running `forewarn run`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def page(self) -> Page:
        """Return the sidecar's page as it is now."""
        return fetch_page(f"{self.url}/metrics")

    def wait_for(self, what: str, condition: Callable[[Page], object], seconds: float = 30.0) -> Page:
        """Return the first page that meets `condition`."""

        def probe() -> Page | None:
            page = self.page()
            return page if condition(page) else None

        return wait_until(f"{what} on the sidecar's page", probe, seconds)


@contextmanager
def sidecar(engine_url: str, folder: Path, settings: Mapping[str, str]) -> Iterator[Sidecar]:
    """Run a sidecar beside the engine until the block ends; `settings` are FOREWARN_* without their prefix.

    It sends no probes unless they say so: tests count the engine's requests.
    """
    port = free_port()
    command = [sys.executable, "-m", "forewarn", "run", "--engine-url", engine_url, "--listen", f"{HOST}:{port}"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FOREWARN_")}
    quiet = {"PROBE_ENABLED": "false", "WARMUP_ENABLED": "false"}
    own = {f"FOREWARN_{name}": value for name, value in {**quiet, **settings}.items()}
    running = Sidecar(f"http://{HOST}:{port}")
    with child("forewarn", command, folder / f"forewarn-{port}.log", clean | own):
        wait_until("the sidecar answers", lambda: answers(f"{running.url}/metrics"), 30)
        running.wait_for("llm_engine_up 1", lambda page: set(page.find("llm_engine_up").values()) == {1})
        yield running


def answers(url: str) -> bool:
    """Tell whether a GET of `url` gives 200."""
    try:
        return fetch(url)[0] == 200
    except OSError:
        return False


def failures(records: Sequence[Record]) -> list[Record]:
    """The requests that got no complete answer."""
    return [record for record in records if record.error is not None]


@contextmanager
def background(plan: Plan) -> Iterator[Future[list[Record]]]:
    """Run a load beside the block; its end stops the sending and awaits what is in flight."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        records = pool.submit(run, plan, stop)
        try:
            yield records
        finally:
            stop.set()
