"""Time that one `record()` takes, by the size of the batch. Runs in the engine's environment, on vLLM's own classes.

.venv-vllm/bin/python tests/bench_plugin/steps.py
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from types import SimpleNamespace

# Only the vLLM environment has it.
from vllm.v1.engine import FinishReason  # type: ignore[import-not-found]
from vllm.v1.metrics.stats import (  # type: ignore[import-not-found]
    FinishedRequestStats,
    IterationStats,
    SchedulerStats,
)

from forewarn.plugin.recorder import Recorder

SIZES = (32, 256, 1024)
ANSWER = 128
"""Tokens of an answer: of a batch in its stride one request in so many ends, and begins, at each step."""
ROUNDS, STEPS = 15, 400


def statistics_of(running: int, ending: int) -> tuple[object, object]:
    """What vLLM reports of a step of `running` requests of which `ending` end and as many begin."""
    scheduler = SchedulerStats(num_running_reqs=running, num_waiting_reqs=running // 2, kv_cache_usage=0.87)
    iteration = IterationStats()
    iteration.num_generation_tokens = running
    iteration.inter_token_latencies_iter = [0.01] * running
    iteration.time_to_first_tokens_iter = [0.3] * ending
    iteration.finished_requests = [
        FinishedRequestStats(
            finish_reason=FinishReason.STOP,
            e2e_latency=1.5,
            num_generation_tokens=ANSWER,
            max_tokens_param=2 * ANSWER,
            mean_time_per_output_token=0.012,
        )
        for _ in range(ending)
    ]
    return scheduler, iteration


def microseconds(logger: Recorder, running: int, ending: int) -> list[float]:
    """CPU time of a step in µs, one figure a round."""
    scheduler, iteration = statistics_of(running, ending)
    figures = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(STEPS):
            logger.record(scheduler, iteration, mm_cache_stats=None, engine_idx=0)
        figures.append(1e6 * (time.thread_time() - began) / STEPS)
    return figures


def main() -> None:
    """Print one JSON object: batch size → median µs of a step in stride, and of one in which every request ends."""
    config = SimpleNamespace(model_config=SimpleNamespace(served_model_name="tiny"))
    logger = Recorder(vllm_config=config, engine_indexes=[0])
    found = {
        size: {
            "stride": statistics.median(microseconds(logger, size, size // ANSWER or 1)),
            "all end": statistics.median(microseconds(logger, size, size)),
        }
        for size in SIZES
    }
    json.dump({"multiprocess": "PROMETHEUS_MULTIPROC_DIR" in os.environ, "sizes": found}, sys.stdout)


if __name__ == "__main__":
    main()
