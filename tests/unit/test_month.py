"""Thirty days of virtual time: nothing falls, nothing drifts, nothing grows."""

from __future__ import annotations

import gc
import math
from collections import Counter
from pathlib import Path
from resource import getpagesize
from typing import TYPE_CHECKING

from forewarn.errors import FetchError
from tests.unit.collectors.harness import Engine, World

if TYPE_CHECKING:
    from forewarn.scrape import Response

DAY = 86_400.0
EVERY = 15.0
PAGESIZE = getpagesize()
POLLS = round(30 * DAY / EVERY)
RESTART_EVERY = 7_001
"""Polls between two new processes of the engine: some thirty in a month, at every hour of the day."""
OUTAGE_EVERY, OUTAGE_POLLS = 1_009, 7
ODD_SECONDS = 0.1
"""Added to a sum again and again: no binary fraction, so that a careless sum drifts."""
MONOTONE = ("llm_generation_tokens_total", "llm_requests_finished_total", "llm_time_to_first_token_seconds_sum",
            "llm_time_to_first_token_seconds_count", "llm_requests_waiting_samples_count",
            "llm_requests_arrived_total", "llm_slo_requests_total", "llm_slo_violations_total")  # fmt: skip
PAGE = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0",model_name="m"}} {running}
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{engine="0",model_name="m"}} {waiting}
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{{engine="0",model_name="m"}} {kv}
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{{engine="0",model_name="m"}} {tokens}
# TYPE vllm:request_success_total counter
vllm:request_success_total{{engine="0",finished_reason="stop",model_name="m"}} {finished}
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{{engine="0",le="1.0",model_name="m"}} {fast}
vllm:time_to_first_token_seconds_bucket{{engine="0",le="2.0",model_name="m"}} {fast}
vllm:time_to_first_token_seconds_bucket{{engine="0",le="+Inf",model_name="m"}} {finished}
vllm:time_to_first_token_seconds_sum{{engine="0",model_name="m"}} {seconds}
vllm:time_to_first_token_seconds_count{{engine="0",model_name="m"}} {finished}
process_start_time_seconds {start}
"""


class _Month(Engine):
    """Days that rise and fall, new processes, and outages. `exact` is what all of its processes counted."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self.turn = 0
        self.own: Counter[str] = Counter()
        self.exact: Counter[str] = Counter()
        self._start = world.clock.wall()

    def go_on(self) -> None:
        """Let 15 seconds of load pass, the last of a process included."""
        self.turn += 1
        self.error = FetchError("refused", "no") if self.turn % OUTAGE_EVERY < OUTAGE_POLLS else None
        if self.turn % RESTART_EVERY == 0:
            self.own.clear()
            self._start = self.clock.wall()
        busy = 1 + math.sin(2 * math.pi * self.clock.monotonic() / DAY)
        requests = int(20 * busy) + 1
        gained = {"tokens": requests * 37, "finished": requests, "fast": requests - requests // 10}
        # What a process counts after its last page that was read is lost to everybody: here every restart is on time.
        self.own.update(gained)
        self.exact.update(gained)

    def page(self, wanted: set[str] | None = None) -> str:
        """The page as it is now, whole."""
        del wanted
        waiting = self.turn % 5
        seconds = self.own["finished"] * ODD_SECONDS
        shown = {"running": self.turn % 9, "waiting": waiting, "kv": (self.turn % 10) / 10, "start": self._start}
        return PAGE.format(**shown, **self.own, seconds=seconds)

    def get(self, path: str) -> Response:
        """The answer to a GET, which nobody keeps a list of for a month."""
        answer = super().get(path)
        self.requests.clear()
        return answer


def test_thirty_days_neither_fall_nor_drift_nor_grow() -> None:
    """Counters are monotone and exact to the last unit, objects and memory after the last day those of the third."""
    world = World(poll__full_interval=EVERY, poll__fallback_interval=EVERY, poll__max_sample_age=4 * EVERY)
    engine = _Month(world)
    engine.filter = "whole"
    world.parts.poller._fetcher = engine
    before: dict[object, float] = {}
    objects, resident = [], []
    for poll in range(1, POLLS + 1):
        engine.go_on()
        world.step()
        if poll % 720 == 0:
            _assert_risen(before, world)
        if poll % round(DAY / EVERY) == 0:
            gc.collect()
            objects.append(len(gc.get_objects()))
            resident.append(int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGESIZE)
    assert engine.turn == POLLS
    assert world.clock.monotonic() == POLLS * EVERY
    assert len(world.lines("engine restarted")) == POLLS // RESTART_EVERY
    exact = engine.exact
    assert world.value("llm_generation_tokens_total") == exact["tokens"]
    assert world.value("llm_requests_finished_total", reason="stop") == exact["finished"]
    assert world.value("llm_slo_requests_total", sli="ttft") == exact["finished"]
    assert world.value("llm_slo_violations_total", sli="ttft") == exact["finished"] - exact["fast"]
    total = world.value("llm_time_to_first_token_seconds_sum") or 0.0
    assert math.isclose(total, exact["finished"] / 10, rel_tol=1e-12)
    assert objects[-1] - objects[2] < 200, objects
    assert resident[-1] - resident[2] < 2 << 20, resident


def _assert_risen(before: dict[object, float], world: World) -> None:
    """No exported counter is below what it was."""
    now = {key: value for key, value in world.exported().items() if key[0] in MONOTONE}
    assert [key for key, value in now.items() if value < before.get(key, 0.0)] == []
    before.update(now)  # type: ignore[arg-type]  # keys are opaque here
