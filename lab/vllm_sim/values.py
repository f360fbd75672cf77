"""From the engine's counts to the samples of each family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.vllm_sim.versions import dialect

if TYPE_CHECKING:
    from lab.vllm_sim.core import EngineShape
    from lab.vllm_sim.stats import EngineStats, Histogram, HttpStats

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The count and sum of a summary without quantiles."""

    count: int
    total: float


@dataclass(frozen=True, slots=True)
class Child:
    """One labelled child of a family; `created` is None where the process start stands for it."""

    labels: Labels
    value: float | Histogram | Summary
    created: float | None = None


Values = Mapping[str, "list[Child]"]
"""Family name to its children."""


def _one(value: float | Histogram) -> list[Child]:
    return [Child((), value)]


def _by(label: str, values: Mapping[str, float]) -> list[Child]:
    return [Child(((label, name),), value) for name, value in values.items()]


def engine_values(stats: EngineStats, shape: EngineShape) -> Values:
    """Return the children of the `vllm:` families, those of every release that the shape's may be."""
    return {
        f"vllm:{name}": children
        for group in (_gauges(stats), _counters(stats, shape), _histograms(stats, shape))
        for name, children in group.items()
    } | {"vllm:cache_config_info": [Child(cache_config(shape), 1.0)]}


def _gauges(stats: EngineStats) -> dict[str, list[Child]]:
    gauges = stats.gauges
    return {
        "num_requests_running": _one(gauges.running),
        "num_requests_waiting": _one(gauges.waiting),
        "num_requests_waiting_by_reason": _by("reason", {"capacity": gauges.waiting, "deferred": 0}),
        "engine_sleep_state": _by("sleep_state", {"awake": 1, "weights_offloaded": 0, "discard_all": 0}),
        "gpu_cache_usage_perc": _one(gauges.kv_usage),
        "kv_cache_usage_perc": _one(gauges.kv_usage),
    }


def _counters(stats: EngineStats, shape: EngineShape) -> dict[str, list[Child]]:
    unit = shape.block_size if dialect(shape.version).prefix_in_blocks else 1
    computed = stats.prompt_tokens - stats.cached_tokens
    sources = {"local_compute": computed, "local_cache_hit": stats.cached_tokens, "external_kv_transfer": 0}
    tiers = {"device": stats.prefix_hits, "host": 0, "p2p": 0, "disk": 0, "external_unspecified": 0}
    return {
        "estimated_flops_per_gpu": _one(0),
        "estimated_read_bytes_per_gpu": _one(0),
        "estimated_write_bytes_per_gpu": _one(0),
        "gpu_prefix_cache_queries": _one(stats.prefix_queries // unit),
        "gpu_prefix_cache_hits": _one(stats.prefix_hits // unit),
        "prefix_cache_queries": _one(stats.prefix_queries),
        "prefix_cache_hits": _one(stats.prefix_hits),
        "external_prefix_cache_queries": _one(0),
        "external_prefix_cache_hits": _one(0),
        "mm_cache_queries": _one(0),
        "mm_cache_hits": _one(0),
        "num_preemptions": _one(stats.preemptions),
        "prompt_tokens": _one(stats.prompt_tokens),
        "prompt_tokens_by_source": _by("source", sources),
        "prompt_tokens_cached": _one(stats.cached_tokens),
        "prompt_tokens_recomputed": _one(0),
        "prompt_tokens_cached_by_source": _by("source", tiers),
        "generation_tokens": _one(stats.generation_tokens),
        "request_success": _by("finished_reason", stats.finished),
        "admission_rejections": _by("reason", {"max_num_queued_reqs": 0, "max_num_queued_tokens": 0}),
    }


def _histograms(stats: EngineStats, shape: EngineShape) -> dict[str, list[Child]]:
    iterations = stats.iteration_all_tokens if dialect(shape.version).cached_in_iterations else stats.iteration_tokens
    return {
        "request_prompt_tokens": _one(stats.request_prompt_tokens),
        "request_generation_tokens": _one(stats.request_generation_tokens),
        "iteration_tokens_total": _one(iterations),
        "request_max_num_generation_tokens": _one(stats.request_max_num_generation_tokens),
        "request_params_n": _one(stats.request_params_n),
        "request_params_max_tokens": _one(stats.request_params_max_tokens),
        "time_to_first_token_seconds": _one(stats.time_to_first_token),
        "time_per_output_token_seconds": _one(stats.inter_token_latency),
        "inter_token_latency_seconds": _one(stats.inter_token_latency),
        "request_time_per_output_token_seconds": _one(stats.request_time_per_output_token),
        "e2e_request_latency_seconds": _one(stats.e2e_request_latency),
        "request_queue_time_seconds": _one(stats.request_queue_time),
        "request_inference_time_seconds": _one(stats.request_inference_time),
        "request_prefill_time_seconds": _one(stats.request_prefill_time),
        "request_decode_time_seconds": _one(stats.request_decode_time),
        "request_num_preemptions": _one(stats.request_num_preemptions),
        "request_prefill_kv_computed_tokens": _one(stats.request_prefill_kv_computed_tokens),
    }


def cache_config(shape: EngineShape) -> Labels:
    """Return the labels of `vllm:cache_config_info`, all fields of vLLM's CacheConfig as Python strings."""
    block_size, tokens = str(shape.block_size), shape.num_gpu_blocks * shape.block_size
    fields = {
        "_block_size_resolved": "True", "block_size": block_size, "cache_dtype": "auto",
        "cache_hit_alignment_tokens": "None", "effective_attention_block_size": block_size,
        "enable_mamba_shared_prefix_checkpoint": "False", "enable_prefix_caching": "True", "engine": "0",
        "gpu_memory_utilization": "0.92", "hash_block_size": "None", "is_attention_free": "False",
        "kv_cache_dtype_skip_layers": "[]", "kv_cache_layout": "None",
        "kv_cache_max_concurrency": str(tokens / shape.max_model_len), "kv_cache_memory_bytes": "None",
        "kv_cache_size_tokens": str(tokens), "kv_offloading_backend": "native", "kv_offloading_size": "None",
        "kv_sharing_fast_prefill": "False", "mamba_block_size": "None", "mamba_cache_dtype": "auto",
        "mamba_cache_mode": "none", "mamba_page_size_padded": "None", "mamba_ssm_cache_dtype": "float32",
        "num_cpu_blocks": "None", "num_gpu_blocks": str(shape.num_gpu_blocks),
        "num_gpu_blocks_override": str(shape.num_gpu_blocks), "prefix_cache_retention_interval": "0",
        "prefix_caching_hash_algo": "sha256", "prefix_match_unit": "None", "replayssm_buffer_len": "16",
        "skip_page_size_padded": "None", "sliding_window": "None", "swa_bounded_replay": "True",
        "use_kda_recoverssm": "False", "use_replayssm": "False", "user_specified_block_size": "True",
    }  # fmt: skip
    return tuple(fields.items())


def http_values(http: HttpStats) -> Values:
    """Return the children of the `http_*` families; all but the fine histogram appear at first use."""
    requests, sizes_in, sizes_out, durations = [], [], [], []
    for (handler, method), route in http.routes.items():
        by_handler = (("handler", handler),)
        by_method = (*by_handler, ("method", method))
        count = route.durations.count
        for status, (number, since) in route.statuses.items():
            requests.append(Child((*by_method, ("status", status)), number, since))
        sizes_in.append(Child(by_handler, Summary(count, route.request_bytes), route.since))
        sizes_out.append(Child(by_handler, Summary(count, route.response_bytes), route.since))
        durations.append(Child(by_method, route.durations, route.since))
    return {
        "http_requests": requests,
        "http_request_size_bytes": sizes_in,
        "http_response_size_bytes": sizes_out,
        "http_request_duration_highr_seconds": _one(http.durations),
        "http_request_duration_seconds": durations,
    }


def process_values(start: float, uptime: float) -> Values:
    """Return the `python_*` and `process_*` families of an API server modelled on the captured one.

    Its CPU seconds and garbage collections grow with `uptime` seconds; memory and descriptors stand still.
    """
    info = {"implementation": "CPython", "major": "3", "minor": "11", "patchlevel": "7", "version": "3.11.7"}
    collections = {"0": 1500 + uptime // 2, "1": 140 + uptime // 20, "2": 10 + uptime // 200}
    collected = {name: 10 * count for name, count in collections.items()}
    return {
        "python_gc_objects_collected": _by("generation", collected),
        "python_gc_objects_uncollectable": _by("generation", dict.fromkeys(collections, 0)),
        "python_gc_collections": _by("generation", collections),
        "python_info": [Child(tuple(info.items()), 1)],
        "process_virtual_memory_bytes": _one(2.213187584e09),
        "process_resident_memory_bytes": _one(6.48626176e08),
        "process_start_time_seconds": _one(start),
        "process_cpu_seconds": _one(round(9.0 + 0.1 * uptime, 2)),
        "process_open_fds": _one(35),
        "process_max_fds": _one(20000),
    }
