"""The metric families of vLLM's page (one API server), in the order and with the HELP texts of 0.32.0.

Families that 0.32.0 has no more stand where older releases had them; `versions` says which release has which.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """Which labels every series of a family carries."""

    NONE = ()
    MODEL = ("model_name",)
    ENGINE = ("engine", "model_name")


@dataclass(frozen=True, slots=True)
class Family:
    """One family. `name` is without `_total`; `created` says whether `_created` series follow it."""

    name: str
    kind: str
    help: str
    scope: Scope = Scope.ENGINE
    created: bool = False

    @property
    def exposed(self) -> str:
        """The name on the HELP and TYPE lines."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


def _plain(name: str, kind: str, text: str) -> Family:
    return Family(name, kind, text, scope=Scope.NONE)


def _gauge(name: str, text: str) -> Family:
    return Family(f"vllm:{name}", "gauge", text)


def _counter(name: str, text: str) -> Family:
    return Family(f"vllm:{name}", "counter", text, created=True)


def _histogram(name: str, text: str) -> Family:
    return Family(f"vllm:{name}", "histogram", text, created=True)


def _http(name: str, kind: str, text: str) -> Family:
    return Family(f"http_{name}", kind, text, scope=Scope.NONE, created=True)


_FLOPS = "(for Model Flops Utilization calculations)."

FAMILIES: tuple[Family, ...] = (
    _plain("python_gc_objects_collected", "counter", "Objects collected during gc"),
    _plain("python_gc_objects_uncollectable", "counter", "Uncollectable objects found during GC"),
    _plain("python_gc_collections", "counter", "Number of times this generation was collected"),
    _plain("python_info", "gauge", "Python platform information"),
    _plain("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes."),
    _plain("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
    _plain("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
    _plain("process_cpu_seconds", "counter", "Total user and system CPU time spent in seconds."),
    _plain("process_open_fds", "gauge", "Number of open file descriptors."),
    _plain("process_max_fds", "gauge", "Maximum number of open file descriptors."),
    _counter("estimated_flops_per_gpu", f"Estimated number of floating point operations per GPU {_FLOPS}"),
    _counter("estimated_read_bytes_per_gpu", f"Estimated number of bytes read from memory per GPU {_FLOPS}"),
    _counter("estimated_write_bytes_per_gpu", f"Estimated number of bytes written to memory per GPU {_FLOPS}"),
    _gauge("num_requests_running", "Number of requests in model execution batches."),
    _gauge("num_requests_waiting", "Number of requests waiting to be processed."),
    _gauge(
        "num_requests_waiting_by_reason",
        "Number of waiting requests by reason. Reason labels: 'capacity' = waiting for scheduling capacity; "
        "'deferred' = deferred by transient constraints (LoRA budget, KV transfer, blocked status). "
        "Sum of all reasons equals vllm:num_requests_waiting.",
    ),
    _gauge(
        "engine_sleep_state",
        "Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; "
        "weights_offloaded = 1 means sleep level 1; discard_all = 1 means sleep level 2.",
    ),
    _gauge("gpu_cache_usage_perc", "GPU KV-cache usage. 1 means 100 percent usage."),
    _gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage."),
    _counter("gpu_prefix_cache_queries", "GPU prefix cache queries, in terms of number of queried tokens."),
    _counter("gpu_prefix_cache_hits", "GPU prefix cache hits, in terms of number of cached tokens."),
    _counter("prefix_cache_queries", "Prefix cache queries, in terms of number of queried tokens."),
    _counter("prefix_cache_hits", "Prefix cache hits, in terms of number of cached tokens."),
    _counter(
        "external_prefix_cache_queries",
        "External prefix cache queries from KV connector cross-instance cache sharing, "
        "in terms of number of queried tokens.",
    ),
    _counter(
        "external_prefix_cache_hits",
        "External prefix cache hits from KV connector cross-instance cache sharing, "
        "in terms of number of cached tokens.",
    ),
    _counter("mm_cache_queries", "Multi-modal cache queries, in terms of number of queried items."),
    _counter("mm_cache_hits", "Multi-modal cache hits, in terms of number of cached items."),
    _counter("num_preemptions", "Cumulative number of preemption from the engine."),
    _counter("prompt_tokens", "Number of prefill tokens processed."),
    _counter("prompt_tokens_by_source", "Number of prompt tokens by source."),
    _counter("prompt_tokens_cached", "Number of cached prompt tokens (local + external)."),
    _counter("prompt_tokens_recomputed", "Number of cached tokens recomputed for forward pass."),
    _counter(
        "prompt_tokens_cached_by_source",
        "Prefix-cache hit tokens by the cache tier that supplied them: device (local HBM), host (offloaded "
        "to DRAM), disk, p2p (transferred from another vLLM instance) or external_unspecified. Counted at "
        "admission; sums to vllm:prefix_cache_hits + vllm:external_prefix_cache_hits.",
    ),
    _counter("generation_tokens", "Number of generation tokens processed."),
    _counter("request_success", "Count of successfully processed requests."),
    Family(
        "vllm:admission_rejections",
        "counter",
        "Number of admission attempts rejected by a queue limit, by reason.",
        scope=Scope.MODEL,
        created=True,
    ),
    _histogram("request_prompt_tokens", "Number of prefill tokens processed."),
    _histogram("request_generation_tokens", "Number of generation tokens processed."),
    _histogram("iteration_tokens_total", "Histogram of number of tokens per engine_step."),
    _histogram("request_max_num_generation_tokens", "Histogram of maximum number of requested generation tokens."),
    _histogram("request_params_n", "Histogram of the n request parameter."),
    _histogram("request_params_max_tokens", "Histogram of the max_tokens request parameter."),
    _histogram("time_to_first_token_seconds", "Histogram of time to first token in seconds."),
    _histogram("time_per_output_token_seconds", "Histogram of time per output token in seconds."),
    _histogram("inter_token_latency_seconds", "Histogram of inter-token latency in seconds."),
    _histogram("request_time_per_output_token_seconds", "Histogram of time_per_output_token_seconds per request."),
    _histogram("e2e_request_latency_seconds", "Histogram of e2e request latency in seconds."),
    _histogram("request_queue_time_seconds", "Histogram of time spent in WAITING phase for request."),
    _histogram("request_inference_time_seconds", "Histogram of time spent in RUNNING phase for request."),
    _histogram("request_prefill_time_seconds", "Histogram of time spent in PREFILL phase for request."),
    _histogram("request_decode_time_seconds", "Histogram of time spent in DECODE phase for request."),
    _histogram("request_num_preemptions", "Histogram of the number of times a request was preempted."),
    _histogram(
        "request_prefill_kv_computed_tokens",
        "Histogram of new KV tokens computed during prefill (excluding cached tokens).",
    ),
    _plain("vllm:cache_config_info", "gauge", "Information of the LLMEngine CacheConfig"),
    _http("requests", "counter", "Total number of requests by method, status and handler."),
    _http(
        "request_size_bytes",
        "summary",
        "Content length of incoming requests by handler. Only value of header is respected. "
        "Otherwise ignored. No percentile calculated. ",
    ),
    _http(
        "response_size_bytes",
        "summary",
        "Content length of outgoing responses by handler. Only value of header is respected. "
        "Otherwise ignored. No percentile calculated. ",
    ),
    _http(
        "request_duration_highr_seconds",
        "histogram",
        "Latency with many buckets but no API specific labels. Made for more accurate percentile calculations. ",
    ),
    _http(
        "request_duration_seconds",
        "histogram",
        "Latency with only few buckets by handler. Made to be only used if aggregation by handler is important. ",
    ),
)
"""All families, first to last."""
