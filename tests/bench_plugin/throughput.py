"""Tokens per second of two engines, one with the plugin and one without, loaded in turns."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.bench.figures import ratios, spread
from tests.bench.processes import BenchError
from tools.vllm_cpu.engine import MODEL, WITH_PLUGIN, Engine, Settings, free_port
from tools.vllm_cpu.load import Plan, run, summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bench.figures import Spread

KINDS = {"without": {}, "with": WITH_PLUGIN}
ARGUMENTS = ("--max-num-seqs", "128")


def measure(venv: Path, scratch: Path, rounds: int, say: Callable[[str], None]) -> tuple[Spread, dict[str, Spread]]:
    """The ratio of tokens per second with and without the plugin, and both. Raises BenchError when a request fails."""
    figures: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with ExitStack() as stack:
        engines = {
            kind: stack.enter_context(Engine(Settings(venv, scratch / kind, free_port(), ARGUMENTS, environment), say))
            for kind, environment in KINDS.items()
        }
        for number in range(-1, rounds):
            # Whoever comes first in a round comes second in the next: what drifts hits both alike.
            for kind in sorted(KINDS, reverse=bool(number % 2)):
                speed = _speed(engines[kind], number)
                # The first round warms both up.
                if number >= 0:
                    figures[kind].append(speed)
            said = ", ".join(f"{kind} {values[-1]:.0f}" for kind, values in figures.items() if values)
            say(f"round {number + 1}: {said or 'warm-up'}")
    return ratios(figures["with"], figures["without"]), {kind: spread(values) for kind, values in figures.items()}


def _speed(engine: Engine, seed: int) -> float:
    records = run(Plan(engine.url, MODEL, concurrency=96, requests=288, prompt_tokens=32, max_tokens=128, seed=seed))
    found = summary(records)
    if found["errors"]:
        raise BenchError(f"requests failed: {found['errors']}")
    return float(str(found["tokens_per_second"]))
