"""A load on the real CPU vLLM: every request as its client saw it, and the engine's own page five times a second."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lab.fidelity_load import Shape
from tools.vllm_cpu.load import Plan, send
from tools.vllm_cpu.serve import MODEL

if TYPE_CHECKING:
    from pathlib import Path

    from lab.fidelity_load import Load
    from tools.vllm_cpu.load import Record

INTERVAL = 0.2
SERIES = {
    "running": "vllm:num_requests_running",
    "waiting": "vllm:num_requests_waiting",
    "kv_usage": "vllm:kv_cache_usage_perc",
    "preemptions": "vllm:num_preemptions_total",
    "prompt_tokens": "vllm:prompt_tokens_total",
    "generation_tokens": "vllm:generation_tokens_total",
    "steps": "vllm:iteration_tokens_total_count",
}
"""Field of a sample to the series that it is read from."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The engine's page at `time` seconds into the run; counters are since the run's beginning."""

    time: float
    running: float
    waiting: float
    kv_usage: float
    preemptions: float
    prompt_tokens: float = 0.0
    generation_tokens: float = 0.0
    steps: float = 0.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: when it was sent (seconds into the run), its lengths, and its time to first token."""

    time: float
    prompt_tokens: int
    output_tokens: int
    ttft: float


@dataclass(frozen=True, slots=True)
class Run:
    """What a load did to an engine, real or modelled."""

    name: str
    shape: Shape
    requests: tuple[Sent, ...]
    samples: tuple[Sample, ...]

    def save(self, folder: Path) -> None:
        """Write the run as JSON, one request or sample a line."""
        rows = {
            key: ",\n  ".join(
                json.dumps([round(value, 4) for value in asdict(row).values()]) for row in getattr(self, key)
            )
            for key in ("requests", "samples")
        }
        head = f'"name": {json.dumps(self.name)},\n "shape": {json.dumps(asdict(self.shape))}'
        body = ",\n ".join(f'"{key}": [\n  {text}\n ]' for key, text in rows.items())
        (folder / f"{self.name}.json").write_text(f"{{{head},\n {body}}}\n", encoding="utf-8")


def load_run(path: Path) -> Run:
    """Read what `Run.save` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return Run(
        data["name"],
        Shape(**data["shape"]),
        tuple(Sent(*row) for row in data["requests"]),
        tuple(Sample(*row) for row in data["samples"]),
    )


def read_page(url: str) -> dict[str, float]:
    """Return the values of SERIES on the engine's page, by field."""
    query = urllib.parse.urlencode([("name[]", name) for name in SERIES.values()])
    with urllib.request.urlopen(f"{url}/metrics/?{query}", timeout=10) as answer:  # noqa: S310 - http of 127.0.0.1
        lines = answer.read().decode().splitlines()
    found = {line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}
    return {field: found[name] for field, name in SERIES.items()}


def _poll(url: str, began: float, stop: threading.Event) -> list[Sample]:
    """Read the page every INTERVAL until told to stop; a sample's time is the middle of its poll."""
    samples: list[Sample] = []
    start = read_page(url)
    counters = ("preemptions", "prompt_tokens", "generation_tokens", "steps")
    while not stop.is_set():
        before = time.time()
        page = read_page(url)
        after = time.time()
        page |= {name: page[name] - start[name] for name in counters}
        samples.append(Sample(time=(before + after) / 2 - began, **page))
        stop.wait(max(0.0, INTERVAL - (after - before)))
    return samples


def capture(load: Load, url: str) -> Run:
    """Send the load at its own times, whatever the engine answers, and return what happened."""
    sends = list(load.sends())
    began, stop = time.time() + 0.5, threading.Event()

    def one(index: int) -> Record:
        at, prompt, output = sends[index]
        time.sleep(max(0.0, began + at - time.time()))
        return send(Plan(url, MODEL, prompt_tokens=prompt, max_tokens=output, seed=load.seed), index)

    with ThreadPoolExecutor(len(sends) + 1) as pool:
        polls = pool.submit(_poll, url, began, stop)
        records = list(pool.map(one, range(len(sends))))
        stop.set()
        samples = tuple(polls.result())
    failed = next((record.error for record in records if record.error or record.ttft is None), None)
    if failed:
        raise RuntimeError(f"{load.name}: a request failed: {failed}")
    requests = (
        Sent(record.sent - began, prompt, output, record.ttft or 0.0)
        for record, (_, prompt, output) in zip(records, sends, strict=True)
    )
    return Run(load.name, load.shape, tuple(requests), samples)
