"""What the engine and its HTTP front end count, in vLLM's terms."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from lab.vllm_sim.requests import REASONS, Sequence

TTFT_BOUNDS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
    1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
)  # fmt: skip
TOKEN_LATENCY_BOUNDS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75,
    1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
REQUEST_LATENCY_BOUNDS = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0,
    40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0,
)  # fmt: skip
ITERATION_BOUNDS = (1.0, 8.0, *(float(2**power) for power in range(4, 15)))
N_BOUNDS = (1.0, 2.0, 5.0, 10.0, 20.0)
PREEMPTION_BOUNDS = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0)
HTTP_FINE_BOUNDS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0,
    2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 7.5, 10.0, 30.0, 60.0,
)  # fmt: skip
HTTP_COARSE_BOUNDS = (0.1, 0.5, 1.0)


def token_count_bounds(max_model_len: int) -> tuple[float, ...]:
    """Return vLLM's bounds for token counts: 1, 2, 5, 10 … up to `max_model_len`."""
    series = (float(digit * 10**power) for power in range(10) for digit in (1, 2, 5))
    return tuple(bound for bound in series if bound <= max_model_len)


class Histogram:
    """A Prometheus histogram: observations per bucket (not cumulated), their number and their sum."""

    __slots__ = ("bounds", "count", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.count = 0
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count `times` observations of `value`; a value equal to a bound belongs below it."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.count += times
        self.total += value * times


@dataclass(slots=True)
class Gauges:
    """The scheduler's state as of the end of the last step."""

    running: int = 0
    waiting: int = 0
    kv_usage: float = 0.0


@dataclass(slots=True)
class HttpRoute:
    """Responses of one handler and method; `statuses` maps a class such as `2xx` to (count, first seen)."""

    since: float
    durations: Histogram = field(default_factory=lambda: Histogram(HTTP_COARSE_BOUNDS))
    statuses: dict[str, tuple[int, float]] = field(default_factory=dict)
    request_bytes: int = 0
    response_bytes: int = 0


class HttpStats:
    """What prometheus-fastapi-instrumentator counts in front of vLLM's API routes."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], HttpRoute] = {}
        self.durations = Histogram(HTTP_FINE_BOUNDS)

    def record(
        self, route: tuple[str, str], status: int, at: float, seconds: float, sizes: tuple[int, int] = (0, 0)
    ) -> None:
        """Count one response.

        `route` is (handler, method), `at` the moment in epoch seconds, `sizes` the Content-Length of the
        request and of the response, 0 where there is no such header.
        """
        entry = self.routes.setdefault(route, HttpRoute(since=at))
        group = f"{status // 100}xx"
        count, since = entry.statuses.get(group, (0, at))
        entry.statuses[group] = (count + 1, since)
        entry.durations.observe(seconds)
        entry.request_bytes += sizes[0]
        entry.response_bytes += sizes[1]
        self.durations.observe(seconds)


class EngineStats:
    """Every series of the page that the engine moves; `created` is the epoch second of its start."""

    def __init__(self, max_model_len: int, created: float = 0.0) -> None:
        self.created = created
        self.gauges = Gauges()
        self.http = HttpStats()
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.generation_tokens = 0
        self.preemptions = 0
        self.prefix_queries = 0
        self.prefix_hits = 0
        self.finished = dict.fromkeys(REASONS, 0)
        tokens = token_count_bounds(max_model_len)
        self.request_prompt_tokens = Histogram(tokens)
        self.request_generation_tokens = Histogram(tokens)
        self.request_max_num_generation_tokens = Histogram(tokens)
        self.request_params_max_tokens = Histogram(tokens)
        self.request_prefill_kv_computed_tokens = Histogram(tokens)
        self.request_params_n = Histogram(N_BOUNDS)
        self.request_num_preemptions = Histogram(PREEMPTION_BOUNDS)
        self.iteration_tokens = Histogram(ITERATION_BOUNDS)
        self.iteration_all_tokens = Histogram(ITERATION_BOUNDS)
        self.time_to_first_token = Histogram(TTFT_BOUNDS)
        self.inter_token_latency = Histogram(TOKEN_LATENCY_BOUNDS)
        self.request_time_per_output_token = Histogram(TOKEN_LATENCY_BOUNDS)
        self.e2e_request_latency = Histogram(REQUEST_LATENCY_BOUNDS)
        self.request_queue_time = Histogram(REQUEST_LATENCY_BOUNDS)
        self.request_inference_time = Histogram(REQUEST_LATENCY_BOUNDS)
        self.request_prefill_time = Histogram(REQUEST_LATENCY_BOUNDS)
        self.request_decode_time = Histogram(REQUEST_LATENCY_BOUNDS)

    def scheduled(self, seq: Sequence) -> None:
        """Count the prefix-cache lookup of a request scheduled for the first time."""
        self.prefix_queries += seq.request.prompt_tokens
        self.prefix_hits += seq.cached_tokens

    def first_token(self, seq: Sequence, now: float) -> None:
        """Count a prompt and its time to first token, at the moment its prefill ends."""
        self.prompt_tokens += seq.request.prompt_tokens
        self.cached_tokens += seq.cached_tokens
        self.time_to_first_token.observe(now - seq.request.arrival)

    def step(self, computed_prompt_tokens: int, generated: int, cached_prompt_tokens: int = 0) -> None:
        """Count one engine step; vLLM counts none that gave no token."""
        self.generation_tokens += generated
        if generated:
            self.iteration_tokens.observe(computed_prompt_tokens + generated)
            self.iteration_all_tokens.observe(computed_prompt_tokens + cached_prompt_tokens + generated)

    def finish(self, seq: Sequence, first_token_at: float, scheduled_at: float) -> None:
        """Fill the request histograms of a finished request, whose last token was at `last_token_at`."""
        request, last = seq.request, seq.last_token_at
        decode = last - first_token_at
        self.finished[request.reason] += 1
        self.request_prompt_tokens.observe(request.prompt_tokens)
        self.request_generation_tokens.observe(seq.generated)
        self.request_max_num_generation_tokens.observe(seq.generated)
        if request.max_tokens is not None:
            self.request_params_max_tokens.observe(request.max_tokens)
        self.request_prefill_kv_computed_tokens.observe(request.prompt_tokens - seq.cached_tokens)
        self.request_params_n.observe(1)
        self.request_num_preemptions.observe(seq.preemptions)
        self.request_time_per_output_token.observe(decode / (seq.generated - 1) if seq.generated > 1 else 0.0)
        self.e2e_request_latency.observe(last - request.arrival)
        self.request_queue_time.observe(scheduled_at - seq.queued_at)
        self.request_inference_time.observe(last - scheduled_at)
        self.request_prefill_time.observe(first_token_at - scheduled_at)
        self.request_decode_time.observe(decode)
