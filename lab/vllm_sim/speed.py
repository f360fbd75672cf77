"""How fast the model is at 30 requests per second: `python -m lab.vllm_sim.speed`."""

from __future__ import annotations

import sys
import time

from lab.vllm_sim.scenario import Scenario
from lab.vllm_sim.shape import EngineShape, StepTime
from lab.vllm_sim.simulation import Simulation
from lab.vllm_sim.workload import Lengths, Phase, Traffic

SECONDS = 600.0
RATE = 30.0
SAMPLE = 0.25
"""A sidecar's fast polls: between them the model runs on its own, at each it is asked for its gauges."""


def cases() -> dict[str, Scenario]:
    """Return what is played: chat-like requests, the same with common prefixes, and an overload that preempts."""
    shape = EngineShape(max_num_seqs=256, num_gpu_blocks=9000, step_time=StepTime(0.012, 2e-5, 1e-4, 1e-8))
    plain = Phase(SECONDS, RATE, RATE, Lengths(500, 0.6), Lengths(120, 0.6))
    groups = Phase(SECONDS, RATE, RATE, Lengths(500, 0.6), Lengths(120, 0.6), prefix_share=0.5, prefix_groups=20)
    tight = EngineShape(max_num_seqs=256, num_gpu_blocks=1600, step_time=StepTime(0.012, 2e-5, 1e-4, 1e-8))
    return {
        name: Scenario(name, engine, Traffic((phase,), loop=False))
        for name, engine, phase in (("chat", shape, plain), ("prefix", shape, groups), ("overload", tight, plain))
    }


def ratio(scenario: Scenario) -> tuple[float, Simulation]:
    """Play a scenario; return virtual seconds per second of this process's CPU time, and the world at its end."""
    simulation = Simulation(scenario)
    began = time.process_time()
    for index in range(int(SECONDS / SAMPLE) + 1):
        simulation.advance(index * SAMPLE)
    return SECONDS / (time.process_time() - began), simulation


def main() -> int:
    """Print a line per case."""
    for name, scenario in cases().items():
        times, simulation = ratio(scenario)
        stats = simulation.engine.stats
        sys.stdout.write(
            f"{name:9} {times:6.0f} x real time, {simulation.engine.steps / SECONDS:.0f} steps/s, "
            f"{simulation.totals.arrived} requests, {stats.preemptions} preemptions, "
            f"{stats.prefix_hits / max(1, stats.prefix_queries):.0%} of prompt tokens cached\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
