"""Scenario files: what engine, what traffic, what goes wrong and when."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from lab.vllm_sim.faults import (
    Crash,
    EmptyOutputs,
    Errors,
    Fault,
    PrefixLoss,
    RenameMetric,
    SlowDecode,
    StaleGauges,
    Wedge,
)
from lab.vllm_sim.reader import Section, read_yaml
from lab.vllm_sim.shape import ColdStart, EngineShape, StepTime
from lab.vllm_sim.versions import dialect, release
from lab.vllm_sim.workload import Lengths, Phase, Traffic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario that is fit to play. `ttft_slo` is the time to first token, in seconds, that users bear."""

    name: str
    engine: EngineShape
    traffic: Traffic
    faults: tuple[Fault, ...] = ()
    seed: int = 1
    ttft_slo: float = 1.0


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file; ScenarioError says where it is wrong."""
    top = Section(str(path), "", read_yaml(path))
    top.has("description")
    name = top.text("name", path.stem)
    engine = shape_of(top.section("engine"))
    scenario = Scenario(
        name=name,
        engine=engine,
        traffic=_traffic(top),
        faults=tuple(fault_of(section, engine) for section in top.sections("faults")),
        seed=top.integer("seed", 1, low=0),
        ttft_slo=top.number("ttft_slo_seconds", 1.0, above=True),
    )
    for index, fault in enumerate(scenario.faults):
        if fault.at >= scenario.traffic.duration:
            whole = f"{scenario.traffic.duration:g}"
            raise top.error(f"faults[{index}].at", f"expected less than the phases' {whole} s, got {fault.at:g}")
    top.close()
    return scenario


def shape_of(section: Section) -> EngineShape:
    """Read what `vllm serve` is started with. Raises ScenarioError."""
    default = EngineShape()
    shape = EngineShape(
        model=section.text("model", default.model),
        max_num_seqs=section.integer("max_num_seqs", default.max_num_seqs),
        max_num_batched_tokens=section.integer("max_num_batched_tokens", default.max_num_batched_tokens),
        max_model_len=section.integer("max_model_len", default.max_model_len, low=2),
        num_gpu_blocks=section.integer("num_gpu_blocks", default.num_gpu_blocks, low=2),
        block_size=section.integer("block_size", default.block_size),
        step_time=_step_time(section.section("step_time")),
        prefix_caching=section.flag("prefix_caching", default=default.prefix_caching),
        cold_start=_cold_start(section.section("cold_start")),
        version=_version(section, default.version),
    )
    section.close()
    if shape.max_num_batched_tokens < shape.max_num_seqs:
        raise section.error("max_num_batched_tokens", f"expected at least max_num_seqs ({shape.max_num_seqs})")
    if shape.max_model_len > shape.capacity_tokens:
        blocks = f"(num_gpu_blocks - 1) * block_size = {shape.capacity_tokens}"
        raise section.error("max_model_len", f"expected at most {blocks}, or one request could never run")
    return shape


def _step_time(section: Section) -> StepTime:
    default = StepTime()
    step = StepTime(
        base=section.number("base_seconds", default.base, above=True),
        per_prefill_token=section.number("per_prefill_token_seconds", default.per_prefill_token),
        per_decode_sequence=section.number("per_decode_sequence_seconds", default.per_decode_sequence),
        per_context_token=section.number("per_context_token_seconds", default.per_context_token),
    )
    section.close()
    return step


def _cold_start(section: Section) -> ColdStart:
    default = ColdStart()
    cold = ColdStart(
        steps=section.integer("steps", default.steps, low=0),
        factor=section.number("factor", default.factor, low=1.0),
        from_start=section.flag("from_start", default=default.from_start),
    )
    section.close()
    return cold


def _version(section: Section, default: str | None) -> str:
    version = section.text("version", default)
    try:
        release(version)
    except ValueError as error:
        raise section.error("version", f"{error}, got {version!r}") from error
    return version


def _traffic(top: Section) -> Traffic:
    loop = top.choice("at_end", ("loop", "hold"), "loop") == "loop"
    phases: list[Phase] = []
    for section in top.sections("phases"):
        phases.append(_phase(section, phases[-1] if phases else None))
    if not phases:
        raise top.error("phases", "expected a list of at least one phase")
    return Traffic(tuple(phases), loop=loop)


def _phase(section: Section, before: Phase | None) -> Phase:
    """Read a phase; what it does not say is as in the phase before it."""
    given = before or Phase(duration=1.0, rate_from=0.0, rate_to=0.0, prompt=Lengths(1), output=Lengths(1))
    duration = section.number("duration", above=True)
    rate_from, rate_to = _rate(section, before)
    phase = Phase(
        duration=duration,
        rate_from=rate_from,
        rate_to=rate_to,
        prompt=_lengths(section, "prompt_tokens", before.prompt if before else None),
        output=_lengths(section, "output_tokens", before.output if before else None),
        max_tokens=section.integer("max_tokens") if section.has("max_tokens") else given.max_tokens,
        empty_share=section.number("empty_share", given.empty_share, high=1.0),
        disconnect_share=section.number("disconnect_share", given.disconnect_share, high=1.0),
        disconnect_after=section.number("disconnect_after_seconds", given.disconnect_after, above=True),
        prefix_share=section.number("prefix_share", given.prefix_share, high=1.0),
        prefix_groups=section.integer("prefix_groups", given.prefix_groups, low=0),
        finish_share=_finish_share(section) if section.has("finish_share") else given.finish_share,
    )
    section.close()
    return phase


def _finish_share(phase: Section) -> tuple[tuple[str, float], ...]:
    section = phase.section("finish_share")
    shares = tuple((reason, section.number(reason, 0.0, high=1.0)) for reason in ("error", "repetition", "abort"))
    section.close()
    if sum(share for _, share in shares) > 1.0:
        raise phase.error("finish_share", "expected shares that add up to at most 1")
    return shares


def _rate(section: Section, before: Phase | None) -> tuple[float, float]:
    here = before.rate_to if before else None
    if not section.has("rate") or not isinstance(section.raw("rate"), dict):
        rate = section.number("rate", here)
        return rate, rate
    ramp = section.section("rate")
    ends = ramp.number("from", here), ramp.number("to")
    ramp.close()
    return ends


def _lengths(section: Section, key: str, before: Lengths | None) -> Lengths:
    if before is not None and not section.has(key):
        return before
    if not isinstance(section.raw(key), dict):
        return Lengths(section.integer(key))
    spread = section.section(key)
    lengths = Lengths(spread.number("mean", low=1.0), spread.number("sigma", 0.0, high=3.0))
    spread.close()
    return lengths


def fault_of(section: Section, engine: EngineShape) -> Fault:
    """Read one fault of an engine. Raises ScenarioError."""
    kind = section.choice("kind", (*_FAULTS, "rename_metric"))
    at = section.number("at")
    found = _rename(section, at, engine) if kind == "rename_metric" else _FAULTS[kind](section, at)
    section.close()
    return found


def _duration(section: Section) -> float:
    return section.number("duration", above=True) if section.has("duration") else inf


def _rename(section: Section, at: float, engine: EngineShape) -> Fault:
    page = dialect(engine.version)
    counters = {family.exposed for family in page.families if family.kind == "counter"}
    old, new = section.choice("from", page.names), section.text("to")
    if old in counters and not new.endswith("_total"):
        raise section.error("to", f"expected a name that ends in _total, as {old} is a counter, got {new!r}")
    if new in page.names:
        raise section.error("to", f"expected a name that the page does not have yet, got {new!r}")
    return RenameMetric(at, _duration(section), old=old, new=new)


def _crash(section: Section, at: float) -> Fault:
    version = _version(section, None) if section.has("version") else None
    return Crash(at, section.number("restart_after", above=True), version=version)


def _share(section: Section) -> float:
    return section.number("share", high=1.0, above=True)


_FAULTS: dict[str, Callable[[Section, float], Fault]] = {
    "wedge": lambda section, at: Wedge(at, _duration(section)),
    "crash": _crash,
    "slow_decode": lambda section, at: SlowDecode(
        at, _duration(section), factor=section.number("factor", low=1.0, above=True)
    ),
    "empty_outputs": lambda section, at: EmptyOutputs(at, _duration(section), share=_share(section)),
    "errors": lambda section, at: Errors(at, _duration(section), share=_share(section)),
    "prefix_loss": lambda section, at: PrefixLoss(at, _duration(section)),
    "stale_gauges": lambda section, at: StaleGauges(at, _duration(section)),
}
