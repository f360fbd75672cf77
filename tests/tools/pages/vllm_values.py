"""What each series of the catalogue shows for a load. A series without an entry here is on no page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .spec import NOW
from .workload import BLOCK_SIZE, DRAFT_TOKENS, Load, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .spec import PageSpec

ORDER = (
    "cache_config_info",
    "lora_requests_info",
    "estimated_flops_per_gpu_total",
    "estimated_read_bytes_per_gpu_total",
    "estimated_write_bytes_per_gpu_total",
    "num_requests_running",
    "num_requests_waiting",
    "num_requests_waiting_by_reason",
    "num_requests_swapped",
    "engine_sleep_state",
    "gpu_cache_usage_perc",
    "cpu_cache_usage_perc",
    "kv_cache_usage_perc",
    "cpu_prefix_cache_hit_rate",
    "gpu_prefix_cache_hit_rate",
    "corrupted_requests_total",
    "gpu_prefix_cache_queries_total",
    "gpu_prefix_cache_hits_total",
    "prefix_cache_queries_total",
    "prefix_cache_hits_total",
    "external_prefix_cache_queries_total",
    "external_prefix_cache_hits_total",
    "mm_cache_queries_total",
    "mm_cache_hits_total",
    "num_preemptions_total",
    "prompt_tokens_total",
    "prompt_tokens_by_source_total",
    "prompt_tokens_cached_total",
    "prompt_tokens_cached_by_source_total",
    "prompt_tokens_recomputed_total",
    "generation_tokens_total",
    "tokens_total",
    "request_success_total",
    "admission_rejections_total",
    "request_prompt_tokens",
    "request_generation_tokens",
    "iteration_tokens_total",
    "request_max_num_generation_tokens",
    "request_params_n",
    "request_params_best_of",
    "request_params_max_tokens",
    "time_to_first_token_seconds",
    "time_per_output_token_seconds",
    "inter_token_latency_seconds",
    "request_time_per_output_token_seconds",
    "e2e_request_latency_seconds",
    "request_queue_time_seconds",
    "time_in_queue_requests",
    "request_inference_time_seconds",
    "request_prefill_time_seconds",
    "request_decode_time_seconds",
    "request_num_preemptions",
    "request_prefill_kv_computed_tokens",
    "spec_decode_draft_acceptance_rate",
    "spec_decode_efficiency",
    "spec_decode_num_drafts_total",
    "spec_decode_num_draft_tokens_total",
    "spec_decode_num_accepted_tokens_total",
    "spec_decode_num_accepted_tokens_per_pos_total",
    "spec_decode_num_emitted_tokens_total",
    "avg_prompt_throughput_toks_per_s",
    "avg_generation_throughput_toks_per_s",
)
"""Order of registration, as far as captures show it."""


def _prefix_unit(spec: PageSpec) -> int:
    return BLOCK_SIZE if spec.version < (0, 9, 0) else 1


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _hit_rate(load: Load, spec: PageSpec) -> float:
    """V0's gauge: -1 while the cache is off, as it is in the oldest page that has the series."""
    return -1.0 if spec.version < (0, 6, 0) else _rate(load.cached_tokens, load.prompt_tokens)


def _efficiency(load: Load) -> float:
    return _rate(load.draft_steps + load.accepted_tokens, load.draft_steps * (DRAFT_TOKENS + 1))


SCALARS: Mapping[str, Callable[[Load, PageSpec], float]] = {
    "num_requests_running": lambda load, _: len(load.running),
    "num_requests_waiting": lambda load, _: load.waiting,
    "num_requests_swapped": lambda load, _: min(1, load.waiting),
    "gpu_cache_usage_perc": lambda load, _: load.kv_usage,
    "kv_cache_usage_perc": lambda load, _: load.kv_usage,
    "cpu_cache_usage_perc": lambda load, _: 0.03125 if load.waiting else 0.0,
    "cpu_prefix_cache_hit_rate": lambda _load, _: -1.0,
    "gpu_prefix_cache_hit_rate": _hit_rate,
    "avg_prompt_throughput_toks_per_s": lambda load, _: load.prompt_tokens / 64,
    "avg_generation_throughput_toks_per_s": lambda load, _: load.generation_tokens / 64,
    "num_preemptions_total": lambda load, _: load.preemptions,
    "prompt_tokens_total": lambda load, _: load.prompt_tokens,
    "generation_tokens_total": lambda load, _: load.generation_tokens,
    "tokens_total": lambda load, _: load.prompt_tokens + load.generation_tokens,
    "prompt_tokens_cached_total": lambda load, _: load.cached_tokens,
    "prompt_tokens_recomputed_total": lambda load, _: 3 if load.started else 0,
    "corrupted_requests_total": lambda load, _: 2 if load.finished else 0,
    "gpu_prefix_cache_queries_total": lambda load, spec: load.prompt_tokens // _prefix_unit(spec),
    "gpu_prefix_cache_hits_total": lambda load, spec: load.cached_tokens // _prefix_unit(spec),
    "prefix_cache_queries_total": lambda load, _: load.prompt_tokens,
    "prefix_cache_hits_total": lambda load, _: load.cached_tokens,
    "external_prefix_cache_queries_total": lambda _load, _: 0,
    "external_prefix_cache_hits_total": lambda _load, _: 0,
    "mm_cache_queries_total": lambda _load, _: 0,
    "mm_cache_hits_total": lambda _load, _: 0,
    "estimated_flops_per_gpu_total": lambda _load, _: 0,
    "estimated_read_bytes_per_gpu_total": lambda _load, _: 0,
    "estimated_write_bytes_per_gpu_total": lambda _load, _: 0,
    "spec_decode_num_drafts_total": lambda load, _: load.draft_steps,
    "spec_decode_num_draft_tokens_total": lambda load, _: load.draft_steps * DRAFT_TOKENS,
    "spec_decode_num_accepted_tokens_total": lambda load, _: load.accepted_tokens,
    "spec_decode_num_emitted_tokens_total": lambda load, _: load.draft_steps + load.accepted_tokens,
    "spec_decode_draft_acceptance_rate": lambda load, _: _rate(load.accepted_tokens, load.draft_steps * DRAFT_TOKENS),
    "spec_decode_efficiency": lambda load, _: _efficiency(load),
}

SPLITS: Mapping[str, Callable[[Load, PageSpec], Mapping[str, float]]] = {
    "num_requests_waiting_by_reason": lambda load, _: {
        "capacity": load.waiting - min(1, load.waiting),
        "deferred": min(1, load.waiting),
    },
    "engine_sleep_state": lambda _load, _: {"awake": 1, "weights_offloaded": 0, "discard_all": 0},
    "request_success_total": lambda load, spec: spec.finished(load),
    "admission_rejections_total": lambda load, _: {
        "max_num_queued_reqs": 5 if load.started else 0,
        "max_num_queued_tokens": 0,
    },
    "prompt_tokens_by_source_total": lambda load, _: {
        "local_compute": load.prompt_tokens - load.cached_tokens,
        "local_cache_hit": load.cached_tokens,
        "external_kv_transfer": 0,
    },
    "prompt_tokens_cached_by_source_total": lambda load, _: {
        "device": load.cached_tokens,
        "host": 0,
        "p2p": 0,
        "disk": 0,
        "external_unspecified": 0,
    },
    "spec_decode_num_accepted_tokens_per_pos_total": lambda load, _: {
        "0": load.accepted_tokens,
        "1": 0,
        "2": 0,
    },
}
"""Families with one more label: its values in the order they are created."""


def _parents(load: Load, spec: PageSpec) -> list[Request]:
    """V1 counts a request with n > 1 once, V0 counts each of its children."""
    return [request for request in load.finished if request.n or spec.engine == "v0"]


def _asked_n(load: Load, spec: PageSpec) -> list[float]:
    return [float(request.n) if spec.engine == "v1" else 1.0 for request in _parents(load, spec)]


def _output_gaps(load: Load, _: PageSpec) -> list[float]:
    return [gap for request in load.started for gap in request.gaps]


OBSERVED: Mapping[str, Callable[[Load, PageSpec], list[float]]] = {
    "time_to_first_token_seconds": lambda load, _: [request.ttft for request in load.started],
    "time_per_output_token_seconds": _output_gaps,
    "inter_token_latency_seconds": _output_gaps,
    "request_time_per_output_token_seconds": lambda load, _: [request.tpot for request in load.finished],
    "e2e_request_latency_seconds": lambda load, _: [r.ttft + r.decode for r in load.finished],
    "request_queue_time_seconds": lambda load, _: [r.queue / 1024 for r in load.finished],
    "time_in_queue_requests": lambda load, _: [r.queue / 1024 for r in load.finished],
    "request_prefill_time_seconds": lambda load, _: [r.prefill / 1024 for r in load.finished],
    "request_decode_time_seconds": lambda load, _: [r.decode for r in load.finished],
    "request_inference_time_seconds": lambda load, _: [r.prefill / 1024 + r.decode for r in load.finished],
    "request_prompt_tokens": lambda load, _: [float(r.prompt) for r in load.finished],
    "request_generation_tokens": lambda load, _: [float(r.generated) for r in load.finished],
    "request_prefill_kv_computed_tokens": lambda load, _: [float(r.prompt - r.cached) for r in load.finished],
    "request_max_num_generation_tokens": lambda load, spec: [float(r.generated) for r in _parents(load, spec)],
    "request_params_max_tokens": lambda load, _: [float(r.asked) for r in load.finished if r.asked is not None],
    "request_params_n": _asked_n,
    "request_params_best_of": lambda load, _: [1.0 for _request in load.finished],
    "request_num_preemptions": lambda load, _: [float(r.preempted) for r in load.finished],
    "iteration_tokens_total": lambda load, spec: [
        float(tokens) for tokens in load.step_tokens(cached=spec.version < (0, 23, 0))
    ],
}


def lora_children(spec: PageSpec) -> list[tuple[dict[str, str], float]]:
    """Give one series per combination of adapters that V1 has seen; the value is when it last held."""
    if "lora" not in spec.features:
        return [({"max_lora": "0", "running_lora_adapters": "", "waiting_lora_adapters": ""}, NOW)]
    seen = (("sql,chat", "", NOW), ("sql", "chat", NOW - 41.5), ("", "", NOW - 530.25))
    return [
        ({"max_lora": "4", "running_lora_adapters": running, "waiting_lora_adapters": waiting}, when)
        for running, waiting, when in seen
    ]
