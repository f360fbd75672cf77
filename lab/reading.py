"""Reads lab scenarios. Every mistake is one line: the file, the key, and what was expected."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from forewarn import config
from forewarn.config_keys import BY_PATH
from forewarn.errors import ConfigError
from lab import traces
from lab.arrivals import Manner, Stretch
from lab.scenario import Incident, Member, Scenario, Slo
from lab.vllm_sim import scenario as simulator
from lab.vllm_sim.faults import Fault, SlowDecode
from lab.vllm_sim.reader import ScenarioError, Section, read_yaml
from lab.workloads import WORKLOADS

if TYPE_CHECKING:
    from lab.vllm_sim.shape import EngineShape

SHAPES = ("sequences", "kv", "prefill", "mixed")
SPLITS = ("tuning", "validation")
KINDS = (
    "ramp", "surge", "creep", "context-shift", "output-shift", "sequence-cap", "prefill", "prefix-loss", "replica-loss",
    "rolling-deploy", "cold-replica", "empty-outputs", "errors", "canary", "wedge", "crash-loop", "stale-gauges",
    "slow-decode", "cost", "rename", "quality-drift",
)  # fmt: skip
MAX_REPLICAS = 64
GOLDEN = Path(__file__).parent / "golden" / "say.yml"
_SHARES = ("empty_outputs", "errors", "drift")
"""Faults of the answers, in the order of a member's fields: what they hit is a share of them."""
_Mark = TypeVar("_Mark")
_SERVED = {name: f"objectives.{name}_seconds" for name in ("ttft", "tpot")}


@dataclass
class _Marks:
    """What the faults of a file add to its replicas."""

    faults: list[tuple[tuple[int, ...], Fault]] = field(default_factory=list)
    shares: dict[str, list[tuple[tuple[int, ...], tuple[float, float, float]]]] = field(
        default_factory=lambda: {kind: [] for kind in _SHARES}
    )


def load(path: Path, traces_dir: Path | None = None) -> Scenario:
    """Read a scenario. `traces_dir` holds the traces it names. Raises ScenarioError."""
    top = Section(str(path), "", read_yaml(path))
    engine = simulator.shape_of(top.section("engine"))
    slo = _slo(top.section("slo"))
    fleet = top.section("fleet")
    traffic = _traffic(top, traces_dir)
    members = _members(fleet, top, engine, sum(stretch.duration for stretch in traffic))
    scenario = Scenario(
        name=top.text("name", path.stem),
        description=" ".join(top.text("description").split()),
        split=top.choice("split", SPLITS),
        shape=top.choice("shape", SHAPES),
        seed=top.integer("seed", 1, low=0),
        engine=engine,
        slo=slo,
        members=members,
        traffic=traffic,
        incident=_incident(top) if top.has("incident") else None,
        settings=_settings(fleet, slo),
        golden=fleet.has("golden"),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    fleet.close()
    top.close()
    if scenario.incident and scenario.incident.at >= scenario.duration:
        raise top.error("incident.at", f"expected less than the traffic's {scenario.duration:g} s")
    return scenario


def _slo(section: Section) -> Slo:
    slo = Slo(section.number("ttft_seconds", 2.0, above=True), section.number("tpot_seconds", 0.1, above=True))
    section.close()
    return slo


def _settings(fleet: Section, slo: Slo) -> dict[str, object]:
    """Settings of the sidecars: the SLOs as budgets, the proven capacity if given, and what `settings` adds."""
    found: dict[str, object] = {_SERVED["ttft"]: slo.ttft, _SERVED["tpot"]: slo.tpot}
    given = fleet.section("settings")
    for key in BY_PATH:
        if given.has(key):
            found[key] = given.raw(key)
    given.close()
    if fleet.has("golden"):
        found.update(_golden(fleet.section("golden")))
    if fleet.has("capacity"):
        found["objectives.replica_requests_per_second"] = fleet.number("capacity", above=True)
    try:
        config.load(None, {}, {key: (f"settings.{key}", value) for key, value in found.items()})
    except ConfigError as error:
        raise fleet.error("settings", str(error)) from None
    return found


def _golden(section: Section) -> dict[str, object]:
    """Settings of sidecars that ask golden prompts and do nothing else of their own accord."""
    found = {
        "quality.suites": str(GOLDEN),
        "quality.interval": section.number("every_seconds", 300.0, low=60.0),
        "quality.tokens_per_hour": 1e6,
        "objectives.quality_score": section.number("gate", 0.9, high=1.0, above=True),
        "warmup.enabled": False,
        "probe.enabled": False,
    }
    section.close()
    return found


def _incident(top: Section) -> Incident:
    section = top.section("incident")
    incident = Incident(
        kind=section.choice("kind", KINDS),
        at=section.number("at"),
        step=_flag(section, "step"),
        silent=_flag(section, "silent"),
        within=section.number("within", 1800.0, above=True),
    )
    section.close()
    return incident


def _flag(section: Section, key: str) -> bool:
    value = section.raw(key)
    if not isinstance(value, bool | None):
        raise section.error(key, f"expected true or false, got {value!r}")
    return bool(value)


def _traffic(top: Section, traces_dir: Path | None) -> tuple[Stretch, ...]:
    found: list[Stretch] = []
    for section in top.sections("traffic"):
        before = found[-1] if found else None
        reader = _recorded if section.has("trace") else _rates if section.has("rates") else _drawn
        found += reader(section, before, traces_dir)
        section.close()
    if not found:
        raise top.error("traffic", "expected a list of at least one stretch")
    return tuple(found)


def _drawn(section: Section, before: Stretch | None, _: Path | None) -> list[Stretch]:
    duration = section.number("duration", above=True)
    name = section.choice("workload", tuple(WORKLOADS)) if section.has("workload") or before is None else None
    workload = WORKLOADS[name] if name else before.workload if before else WORKLOADS["chat"]
    rate_from, rate_to = _rate(section, before)
    base = before.manner if before and not name else Manner(cached_share=workload.cached_share)
    return [Stretch(duration, rate_from, rate_to, workload, _manner(section, base))]


def _rate(section: Section, before: Stretch | None) -> tuple[float, float]:
    here = before.rate_to if before else None
    if not section.has("rate") or not isinstance(section.raw("rate"), dict):
        rate = section.number("rate", here, high=600.0)
        return rate, rate
    ramp = section.section("rate")
    ends = ramp.number("from", here, high=600.0), ramp.number("to", high=600.0)
    ramp.close()
    return ends


def _manner(section: Section, base: Manner) -> Manner:
    return Manner(
        prompt_scale=section.number("prompt_scale", base.prompt_scale, above=True),
        output_scale=section.number("output_scale", base.output_scale, above=True),
        cached_share=section.number("cached_share", base.cached_share, high=1.0),
        max_tokens=section.integer("max_tokens") if section.has("max_tokens") else base.max_tokens,
        empty_share=section.number("empty_share", base.empty_share, high=1.0),
        error_share=section.number("error_share", base.error_share, high=1.0),
        disconnect_share=section.number("disconnect_share", base.disconnect_share, high=1.0),
        disconnect_after=section.number("disconnect_after_seconds", base.disconnect_after, above=True),
    )


def _recorded(section: Section, before: Stretch | None, traces_dir: Path | None) -> list[Stretch]:
    """A piece of a trace, played `speed` times as fast as recorded."""
    duration, speed = section.number("duration", above=True), section.number("speed", 1.0, above=True)
    path = _trace_path(section, "trace", traces_dir)
    rows = traces.read(path, section.number("start", 0.0), duration, speed)
    manner = _manner(section, before.manner if before else Manner())
    rate = len(rows) / duration
    return [Stretch(duration, rate, rate, WORKLOADS["chat"], manner, rows)]


def _rates(section: Section, _: Stretch | None, traces_dir: Path | None) -> list[Stretch]:
    """A recorded course of rates, scaled to a peak of `peak` requests/s, `speed` times as fast, with drawn requests."""
    duration, speed = section.number("duration", above=True), section.number("speed", 1.0, above=True)
    start, peak = section.number("start", 0.0), section.number("peak", above=True, high=600.0)
    workload = WORKLOADS[section.choice("workload", tuple(WORKLOADS))]
    manner = _manner(section, Manner(cached_share=workload.cached_share))
    path = _trace_path(section, "rates", traces_dir)
    course = [(t, r) for t, r in traces.rates(path, section.text("column")) if start <= t <= start + duration * speed]
    top = max((rate for _, rate in course), default=0.0)
    if len(course) < 2 or not top:  # noqa: PLR2004  a stretch has two ends
        raise section.error("start", f"expected at least two rates of {path.name} within the stretch")
    return [
        Stretch((after - at) / speed, rate * peak / top, following * peak / top, workload, manner)
        for (at, rate), (after, following) in pairwise(course)
    ]


def _trace_path(section: Section, key: str, traces_dir: Path | None) -> Path:
    name = section.text(key)
    if traces_dir is None:
        raise section.error(key, f"needs the trace {name}: say where it lies with --traces DIR")
    path = traces_dir / name
    if "/" in name or not path.is_file():
        raise section.error(key, f"expected the name of a file in {traces_dir}, got {name!r}")
    return path


def _members(fleet: Section, top: Section, engine: EngineShape, duration: float) -> tuple[Member, ...]:
    count = fleet.integer("replicas", 1)
    if count > MAX_REPLICAS:
        raise fleet.error("replicas", f"expected a whole number from 1 to {MAX_REPLICAS}, got {count}")
    members = [Member() for _ in range(count)]
    for section in fleet.sections("members"):
        number = section.integer("replica", low=0)
        if number > len(members):
            raise section.error("replica", f"expected a number up to {len(members)}, the next free one")
        member = Member(
            joins=section.number("joins", 0.0, high=duration),
            leaves=section.number("leaves", high=duration) if section.has("leaves") else None,
            version=section.text("version", "v1"),
            track=section.choice("track", ("stable", "canary"), "stable"),
            faults=_cold(section),
        )
        section.close()
        members[number : number + 1] = [member]
    marks = _marks(top, engine, len(members), duration)
    return tuple(_marked(index, member, marks) for index, member in enumerate(members))


def _cold(section: Section) -> tuple[Fault, ...]:
    """A replica that joins cold: its steps take `factor` times as long for `seconds`."""
    if not section.has("cold"):
        return ()
    cold = section.section("cold")
    fault = SlowDecode(0.0, cold.number("seconds", above=True), factor=cold.number("factor", low=1.0, above=True))
    cold.close()
    return (fault,)


def _marks(top: Section, engine: EngineShape, count: int, duration: float) -> _Marks:
    marks = _Marks()
    for section in top.sections("faults"):
        replicas = _replicas(section, count)
        if section.raw("kind") in _SHARES:
            kind = section.text("kind")
            at = section.number("at", high=duration)
            length = section.number("duration", duration, above=True)
            mark = (at, at + length, section.number("share", high=1.0, above=True))
            marks.shares[kind].append((replicas, mark))
            section.close()
            continue
        marks.faults.append((replicas, simulator.fault_of(section, engine)))
    return marks


def _replicas(section: Section, count: int) -> tuple[int, ...]:
    given = section.raw("replicas")
    chosen = list(range(count)) if given is None else given
    if not isinstance(chosen, list) or not all(type(n) is int and 0 <= n < count for n in chosen):
        raise section.error("replicas", f"expected a list of numbers from 0 to {count - 1}, got {given!r}")
    return tuple(chosen)


def _marked(index: int, member: Member, marks: _Marks) -> Member:
    shifted = tuple(replace(fault, at=fault.at - member.joins) for fault in _mine(index, marks.faults))
    empty, errors, wrong = (_mine(index, marks.shares[kind]) for kind in _SHARES)
    return replace(member, faults=member.faults + shifted, empty=empty, errors=errors, wrong=wrong)


def _mine(index: int, pairs: list[tuple[tuple[int, ...], _Mark]]) -> tuple[_Mark, ...]:
    return tuple(mark for replicas, mark in pairs if index in replicas)


__all__ = ["KINDS", "ScenarioError", "load"]
