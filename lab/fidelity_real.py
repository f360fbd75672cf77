"""Starts a real CPU vLLM per engine shape and records each load on it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from lab.fidelity_capture import capture
from lab.fidelity_load import LOADS
from tools.vllm_cpu.load import Plan, run
from tools.vllm_cpu.serve import MODEL, Engine, Settings, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lab.fidelity_load import Load

WARM_UP = 24
"""Requests before the first load, so that no first-request cost is in the record."""


def record(venv: Path, work: Path, out: Path, say: Callable[[str], None], loads: Sequence[Load] = LOADS) -> None:
    """Run every load, one engine per shape, and save the runs in `out`."""
    for shape, group in groupby(loads, key=lambda load: load.shape):
        settings = Settings(venv, work / f"seqs-{shape.max_num_seqs}", free_port(), shape.arguments())
        with Engine(settings, say) as engine:
            run(Plan(engine.url, MODEL, concurrency=8, requests=WARM_UP))
            for load in group:
                result = capture(load, engine.url)
                result.save(out)
                say(f"{load.name}: {len(result.requests)} requests, {len(result.samples)} samples")
