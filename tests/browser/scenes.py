"""Scenes: answers of `/api/status` for the situations a reader of the status page meets. Deterministic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .kinds import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

Scene = dict[str, Any]

NOW = 1_790_000_000.0
STEP = 5.0
POINTS = 120
RUNBOOKS = "https://example.org/forewarn/rules/runbooks/"


CALM = {
    "queue_pressure": 0.12,
    "requests_waiting": 3.0,
    "kv_cache_usage": 0.41,
    "preemption_rate": 0.0,
    "queue_time_mean": 0.034,
    "ttft_p99": 0.62,
    "tpot_p99": 0.041,
    "slo_burn": 0.2,
    "empty_outputs": 0.002,
}

SIGNALS = (
    ("requests_running", "vllm:num_requests_running", "how much work is in flight"),
    ("requests_waiting", "vllm:num_requests_waiting", "the queue, the earliest sign of overload"),
    ("kv_cache_usage", "vllm:kv_cache_usage_perc", "how full the KV cache is"),
    ("preemptions", "vllm:num_preemptions_total", "requests that are computed twice"),
    ("time_to_first_token", "vllm:time_to_first_token_seconds", "how long users wait for a first word"),
    ("time_per_output_token", "vllm:request_time_per_output_token_seconds", "how fast answers are written"),
    ("queue_time", "vllm:request_queue_time_seconds", "how long a request waits for a slot"),
    ("requests_finished", "vllm:request_success_total", "how requests end"),
)  # fmt: skip


def _wobble(level: float, index: int, seed: int) -> float:
    """A level with the slow and fast movement of real traffic."""
    slow = math.sin(index / 17 + seed * 1.7) * 0.14
    fast = math.sin(index * 2.399 + seed) * 0.06 + math.sin(index * 0.77 + 3 * seed) * 0.07
    return max(0.0, level * (1 + slow + fast))


def steady(level: float, seed: int = 1) -> list[float | None]:
    """Ten minutes around a level, ending exactly on it."""
    return [*(_wobble(level, index, seed) for index in range(POINTS - 1)), level]


def ramp(start: float, end: float, seed: int = 1, *, bend: float = 2.2, top: float = math.inf) -> list[float | None]:
    """Ten minutes from one level to another, slow at first, never above `top`."""

    def at(index: int) -> float:
        progress = max(0.0, (index / (POINTS - 1) - 0.25) / 0.75)
        return start + (end - start) * math.pow(progress, bend)

    return [*(min(top, _wobble(at(index), index, seed)) for index in range(POINTS - 1)), min(top, end)]


def gap(values: list[float | None], start: int, stop: int) -> list[float | None]:
    """The same history with no data in [start, stop)."""
    return [None if start <= index < stop else value for index, value in enumerate(values)]


def state_of(value: float | None, objective: float | None) -> str:
    """The state the sidecar gives an upper limit: near from 80 % of the objective on."""
    if value is None:
        return "unknown"
    if objective is None or value < 0.8 * objective:
        return "ok"
    return "over" if value > objective else "near"


def indicator(kind: Kind, values: list[float | None], missing_because: str | None = None) -> Scene:
    """One indicator whose present value is the end of its history."""
    if kind.unit == "requests":
        values = [None if value is None else float(round(value)) for value in values]
    value = values[-1] if values else None
    return {
        "id": kind.id,
        "title": kind.title,
        "unit": kind.unit,
        "value": value,
        "objective": kind.objective,
        "state": state_of(value, kind.objective),
        "leading": kind.leading,
        "exact": kind.id != "empty_outputs",
        "series": kind.series,
        "signal": kind.signal,
        "meaning": kind.meaning,
        "first_step": kind.first_step,
        "alert": kind.alert,
        "runbook": f"{RUNBOOKS}{kind.alert}.md",
        "missing_because": missing_because if value is None else None,
        "history": {"start": NOW - STEP * (len(values) - 1), "step": STEP, "values": values},
    }


def indicators(changes: dict[str, list[float | None]] | None = None, reason: str = "") -> list[Scene]:
    """All indicators, calm where `changes` does not name another history."""
    histories = {id_: steady(level, seed) for seed, (id_, level) in enumerate(CALM.items())} | (changes or {})
    return [indicator(kind, histories[kind.id], reason or None) for kind in KINDS]


def signals(missing: Iterable[str] = (), estimated: Iterable[str] = ("requests_empty",)) -> list[Scene]:
    """The signal table with the named ones missing or estimated."""
    lacking = set(missing)
    rows: list[Scene] = [
        {
            "signal": name,
            "state": "missing" if name in lacking else "found",
            "source": "" if name in lacking else source,
            "blind": blind,
            "reason": "no series under any known name" if name in lacking else "",
        }
        for name, source, blind in SIGNALS
    ]
    absent: Scene = {
        "signal": "requests_swapped",
        "state": "missing",
        "source": "",
        "blind": "swapping, in engines that swap",
        "reason": "not looked for",
        "optional": True,
    }
    guesses = [
        {
            "signal": name,
            "state": "estimated",
            "source": "vllm:request_generation_tokens",
            "blind": "empty answers",
            "reason": "read from histogram buckets",
        }
        for name in estimated
    ]
    return [*rows, absent, *guesses]


def status(ranks: list[list[Scene]], **changes: Any) -> Scene:  # noqa: ANN401 - JSON values of any kind
    """An answer of the API; `changes` replaces whole top-level objects."""
    return {
        "now": NOW,
        "forewarn": {"version": "0.1.0", "schema": 1, "started": NOW - 10_000},
        "engine": engine("ok"),
        "identity": {"deployment": "chat", "version": "2026-09-21", "track": "stable", "model": "llama-3.1-8b"},
        "ready": {"ready": True, "reason": ""},
        "ranks": [{"engine": str(index), "indicators": rank} for index, rank in enumerate(ranks)],
        "signals": signals(),
        "events": [
            {"time": NOW - 9_990, "level": "info", "text": "engine found: vllm 0.32.0"},
            {"time": NOW - 9_940, "level": "info", "text": "warm-up done: TTFT settled at 48 ms after 6 requests"},
        ],
    } | changes


def engine(state: str, detail: str = "", since: float = NOW - 9_000) -> Scene:
    """The engine in a state."""
    up = state not in {"starting", "unreachable"}
    return {
        "url": "http://127.0.0.1:8000",
        "kind": "vllm",
        "version": "0.32.0",
        "source": "metrics",
        "up": up,
        "state": state,
        "detail": detail,
        "since": since,
        "sample_age_seconds": 0.2 if up else None,
        "start_time": NOW - 20_000 if up else None,
        "poll": {"mode": "two-speed", "fast_seconds": 0.25, "full_seconds": 2.0},
    }


def calm() -> Scene:
    """Nothing is wrong; a short gap in one history."""
    return status([indicators({"kv_cache_usage": gap(steady(0.41, 2), 40, 52)})])


def incident() -> Scene:
    """Arrivals pass capacity: the queue and the KV cache are over, latency follows."""
    changes = {
        "queue_pressure": ramp(0.15, 1.84),
        "requests_waiting": ramp(4, 59, 2),
        "kv_cache_usage": ramp(0.42, 0.97, 3, bend=1.2, top=1.0),
        "preemption_rate": ramp(0.0, 0.09, 4, bend=4),
        "queue_time_mean": ramp(0.04, 0.44, 5, bend=3),
        "ttft_p99": ramp(0.6, 1.1, 6, bend=3),
    }
    events = [
        {"time": NOW - 150, "level": "warning", "text": "queue pressure past its objective"},
        {"time": NOW - 64, "level": "warning", "text": "KV cache usage past its objective"},
    ]
    return status([indicators(changes)], events=calm()["events"] + events)


def close() -> Scene:
    """One indicator approaches its objective."""
    return status([indicators({"kv_cache_usage": ramp(0.42, 0.79, 3)})])


def down() -> Scene:
    """The engine refuses connections for two minutes: histories end in gaps, values are absent."""
    ends = {id_: gap(steady(level, seed), POINTS - 26, POINTS) for seed, (id_, level) in enumerate(CALM.items())}
    events = [{"time": NOW - 130, "level": "error", "text": "engine unreachable: connection refused"}]
    return status(
        [indicators(ends, "the engine does not answer")],
        engine=engine("unreachable", "connection refused", NOW - 130),
        ready={"ready": False, "reason": "engine unreachable"},
        events=calm()["events"] + events,
    )


def starting() -> Scene:
    """The sidecar runs, the engine has not answered yet."""
    return status(
        [],
        engine=engine("starting", "connection refused", NOW - 20),
        signals=[],
        events=[],
        identity={"deployment": "chat", "version": "", "track": "stable", "model": ""},
        ready={"ready": False, "reason": "waiting for the engine"},
    )


def blind() -> Scene:
    """An engine that renamed its KV gauge."""
    return status(
        [indicators({"kv_cache_usage": []}, "no series under any known name")],
        signals=signals(missing=["kv_cache_usage"]),
    )


def many_ranks(number: int = 8, sick: Iterable[int] = (5,)) -> Scene:
    """Data-parallel ranks of which some queue."""
    bad = set(sick)
    queueing = {"queue_pressure": ramp(0.15, 1.84), "requests_waiting": ramp(4, 59, 2)}
    return status([indicators(queueing if rank in bad else None) for rank in range(number)])


def without_objectives() -> Scene:
    """Values, and no objective to judge any of them by."""
    return status([[entry | {"objective": None, "state": "ok"} for entry in indicators()]])


def two_models() -> Scene:
    """One engine process that serves two models, each as rank 0."""
    scene = many_ranks(2, (1,))
    for rank, model in zip(scene["ranks"], ("chat-8b", "code-8b"), strict=True):
        rank |= {"engine": "0", "model": model}
    return scene


HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'


def hostile() -> Scene:
    """Every free text tries to be markup, an address or a very long word."""
    scene = incident()
    scene["identity"] = dict.fromkeys(scene["identity"], HOSTILE) | {"model": "m" * 300}
    scene["engine"] |= {"url": "javascript:window.pwned=1", "detail": HOSTILE, "version": HOSTILE, "kind": HOSTILE}
    for entry in scene["ranks"][0]["indicators"]:
        entry |= {
            "title": HOSTILE,
            "meaning": HOSTILE,
            "first_step": HOSTILE,
            "series": HOSTILE,
            "alert": HOSTILE,
            "runbook": "javascript:window.pwned=1",
        }
    scene["signals"] = [{"signal": HOSTILE, "state": "missing", "source": HOSTILE, "blind": HOSTILE, "reason": HOSTILE}]
    scene["events"] = [{"time": NOW, "level": HOSTILE, "text": HOSTILE}]
    return scene
