"""The recorded requests on the model: same arrivals, same lengths, same engine shape, sampled at the same moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.fidelity_capture import Run, Sample, Sent
from lab.fidelity_fit import WINDOW, PacedStepTime, Work
from lab.fidelity_load import BLOCK_SIZE, MAX_MODEL_LEN
from lab.vllm_sim.fleet import Fleet
from lab.vllm_sim.requests import Request
from lab.vllm_sim.scenario import Scenario
from lab.vllm_sim.shape import EngineShape
from lab.vllm_sim.simulation import Simulation
from lab.vllm_sim.workload import Lengths, Phase, Traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.fidelity_load import Shape
    from lab.vllm_sim.requests import Sequence as Served
    from lab.vllm_sim.shape import StepTime

SILENCE = Traffic((Phase(1.0, 0.0, 0.0, Lengths(1), Lengths(1)),), loop=False)


def engine_shape(
    shape: Shape, step: StepTime, block_size: int = BLOCK_SIZE, longest: int = MAX_MODEL_LEN
) -> EngineShape:
    """Return the model's engine for a real one."""
    return EngineShape(
        max_num_seqs=shape.max_num_seqs,
        max_num_batched_tokens=shape.max_num_batched_tokens,
        num_gpu_blocks=shape.num_gpu_blocks,
        block_size=block_size,
        max_model_len=longest,
        step_time=PacedStepTime(step),  # type: ignore[arg-type]
    )


def play(run: Run, engine: EngineShape, paces: Sequence[tuple[float, float]] = ()) -> Run:
    """Return what the model does with the requests of a run; `paces` sets the machine's speed from each moment on."""
    simulation, first = Simulation(Scenario(run.name, engine, SILENCE)), {}

    def note(seq: Served, now: float) -> None:
        first[seq.request.id] = now - seq.request.arrival

    simulation.on_first_token = note
    order = sorted(run.requests, key=lambda sent: sent.time)
    fleet = Fleet(
        [simulation], [Request(0, max(0.0, sent.time), sent.prompt_tokens, sent.output_tokens) for sent in order]
    )
    samples, changes = [], list(paces)
    for real in run.samples:
        if real.time < 0:
            continue
        while changes and changes[0][0] <= real.time:
            at, factor = changes.pop(0)
            fleet.advance(max(at, simulation.now))
            engine.step_time.factor = factor  # type: ignore[attr-defined]
        fleet.advance(real.time)
        samples.append(_sample(simulation, real.time))
    fleet.advance(simulation.now + 600.0)
    requests = tuple(
        Sent(sent.time, sent.prompt_tokens, sent.output_tokens, first[index]) for index, sent in enumerate(order)
    )
    return Run(run.name, run.shape, requests, tuple(samples))


def _sample(simulation: Simulation, time: float) -> Sample:
    stats = simulation.engine.stats
    return Sample(
        time=time,
        running=stats.gauges.running,
        waiting=stats.gauges.waiting,
        kv_usage=stats.gauges.kv_usage,
        preemptions=stats.preemptions,
        prompt_tokens=stats.prompt_tokens,
        generation_tokens=stats.generation_tokens,
        steps=stats.iteration_tokens.count,
    )


def work_of(run: Run, window: float = WINDOW) -> list[Work]:
    """Return the work of a real run by its own counters, in windows of seconds in which it was never idle."""
    work, start = [], run.samples[0]
    busy = True
    for sample in run.samples[1:]:
        busy = busy and sample.running > 0
        if sample.time - start.time < window:
            continue
        steps = sample.steps - start.steps
        if busy and steps > 0 and start.time >= 0:
            generated = sample.generation_tokens - start.generation_tokens
            prompts = sample.prompt_tokens - start.prompt_tokens
            work.append(Work(start.time, sample.time - start.time, steps, prompts, generated))
        start, busy = sample, sample.running > 0
    return work
