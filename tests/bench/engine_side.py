"""What being polled costs vLLM's API server, on the real CPU vLLM of tools/vllm_cpu."""

from __future__ import annotations

import http.client
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.figures import Row
from tests.bench.pollers import setting
from tests.bench.processes import HOST, cpu_seconds, free_port
from tools.vllm_cpu.engine import Engine, EngineError, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

VENV = Path(".venv-vllm")
PLAIN_HZ = 10.0
_ROUND = 6.0
_SETTLE = 3.0
_WHAT = "vLLM's API-server CPU, forewarn ÷ plain polling at 10 Hz"
_BAR = "≤ 0.25"


def measure(rounds: int, say: Callable[[str], None]) -> list[Row]:
    """Rounds of no polling, plain polling and forewarn at its defaults, one after the other."""
    if not (VENV / "bin" / "vllm").exists():
        return [Row(_WHAT, "not measured (run make test-vllm first)", _BAR)]
    with tempfile.TemporaryDirectory(prefix="forewarn-bench-vllm-") as scratch:
        try:
            with Engine(Settings(VENV, Path(scratch), free_port()), say) as engine:
                return _rows(_measure(engine, rounds, say))
        except EngineError as error:
            return [Row(_WHAT, f"not measured ({error})".replace("|", "/"), _BAR)]


def _measure(engine: Engine, rounds: int, say: Callable[[str], None]) -> dict[str, list[float]]:
    """CPU seconds per second of the API process, one a round."""
    pid = engine.pids()[0]
    url = f"http://{HOST}:{engine.settings.port}"
    spent: dict[str, list[float]] = {"nothing": [], "plain": [], "forewarn": []}
    for number in range(rounds):
        spent["nothing"].append(_share(pid))
        stop = threading.Event()
        plain = threading.Thread(target=_poll, args=(engine.settings.port, stop), daemon=True)
        plain.start()
        spent["plain"].append(_share(pid))
        stop.set()
        plain.join()
        with setting() as here:
            here.pollers.forewarn("engine-side", free_port(), engine=url)
            spent["forewarn"].append(_share(pid))
        say(f"  round {number + 1}: " + ", ".join(f"{key} {1e3 * v[-1]:.1f} ms/s" for key, v in spent.items()))
    return spent


def _rows(spent: dict[str, list[float]]) -> list[Row]:
    """Differences to the unpolled engine are taken between medians: a single round of idling is too small."""
    middle = {key: statistics.median(values) for key, values in spent.items()}
    plain, own = middle["plain"] - middle["nothing"], middle["forewarn"] - middle["nothing"]
    ratio = own / plain
    text = f"{ratio:.2f} ({1e3 * own:.1f} against {1e3 * plain:.1f} ms/s, unpolled {1e3 * middle['nothing']:.1f})"
    return [Row(_WHAT, text, _BAR, ratio <= 0.25)]


def _share(pid: int) -> float:
    time.sleep(_SETTLE)
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(_ROUND)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def _poll(port: int, stop: threading.Event) -> None:
    """GET the whole page ten times a second over one connection."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    due = time.monotonic()
    while not stop.is_set():
        connection.request("GET", "/metrics")
        connection.getresponse().read()
        due += 1 / PLAIN_HZ
        stop.wait(max(0.0, due - time.monotonic()))
    connection.close()
