"""The pages to write: both sides of every release boundary of a canonical signal, and the ways of serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .spec import PageSpec, Rank

if TYPE_CHECKING:
    from .catalogue import Engine

_AIO = {"registry": "aioprometheus"}
_MERGED = {"registry": "multiprocess"}
_SINGLE: dict[str, Any] = {}

_V0: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("0.2.7", _AIO, "seven gauges, no counter, aioprometheus without process_*"),
    ("0.3.0", _AIO, "last release with gauges only"),
    ("0.3.1", _AIO, "first token counters, TTFT, TPOT and e2e; still aioprometheus"),
    ("0.3.3", _SINGLE, "prometheus_client: process_* and cache_config_info appear"),
    ("0.4.1", _SINGLE, "last release without request_success and token histograms"),
    ("0.4.2", _SINGLE, "first request_success and token histograms; no preemptions yet"),
    ("0.4.3", _SINGLE, "first preemption counter"),
    ("0.5.3", _SINGLE, "last page of the single registry in V0; speculation declared without samples"),
    ("0.5.4", {"features": frozenset({"no-stats"})}, "the engine's own process hides every vllm series"),
    (
        "0.5.5",
        _MERGED,
        "vllm series back through the multiprocess registry, process_* gone; prefix cache off",
    ),
    ("0.6.3", _MERGED, "last release with e2e buckets from 1 s and no queue time"),
    ("0.6.4", _MERGED, "first queue time and max_tokens; e2e buckets from 0.3 s"),
    ("0.6.6", _MERGED, "last release with the throughput gauges"),
    ("0.7.0", _MERGED, "throughput gauges gone"),
    ("0.7.3", _MERGED, "V0 beside opt-in V1; last release with tokens_total"),
    ("0.8.0", _MERGED, "V0 as fallback; tokens_total gone"),
    ("0.8.2", _MERGED, "last release that shows swapped and the CPU cache"),
    ("0.8.3", _MERGED, "swapped, CPU cache, hit rates and time_in_queue hidden; labels stay model_name only"),
    ("0.8.4", _MERGED, "longer bucket tails"),
    ("0.8.5", _MERGED, "the release of the V0 capture"),
    ("0.9.0", _MERGED, "last release that can show the hidden V0 series"),
    ("0.9.1", _MERGED, "hidden V0 series deleted"),
    ("0.9.2", _MERGED, "V0 keeps gpu_cache_usage_perc while V1 renames it"),
    ("0.10.0", _MERGED, "V0 without speculation's series"),
    ("0.10.1", _MERGED, "V0 before inter_token_latency"),
    ("0.10.2", _MERGED, "last V0: inter_token_latency beside time_per_output_token"),
)

_V1: tuple[tuple[str, str], ...] = (
    ("0.7.1", "first V1 page: no reasons, no e2e, no preemptions, no engine label"),
    ("0.7.2", "first request_success in V1"),
    ("0.7.3", "first e2e, queue time and prefix-cache counters in V1"),
    ("0.8.0", "V1 by default: preemptions, cache_config_info with num_gpu_blocks None, _created series"),
    ("0.8.2", "last V1 page without engine label"),
    ("0.8.3", "first engine label and http_* series"),
    ("0.8.4", "longer bucket tails; iteration buckets still follow CUDA graph sizes"),
    ("0.8.5", "fixed iteration buckets; last release that counts the prefix cache in blocks"),
    ("0.9.0", "prefix cache in tokens under the same name; num_gpu_blocks known"),
    ("0.9.1", "last V1 release with gpu_* names alone"),
    ("0.9.2", "kv_cache_usage_perc and prefix_cache_* beside the gpu_* names"),
    ("0.10.0", "both KV names; one logger for all ranks"),
    ("0.10.1", "last release without inter_token_latency"),
    ("0.10.2", "inter_token_latency beside time_per_output_token; last gpu_cache_usage_perc by default"),
    ("0.11.0", "gpu_* hidden; first per-request TPOT"),
    ("0.11.1", "first sleep state, external and multi-modal cache series"),
    ("0.11.2", "last time_per_output_token_seconds by default"),
    ("0.12.0", "time_per_output_token_seconds hidden, gpu_* deleted"),
    ("0.13.0", "first finish reason error"),
    ("0.14.1", "last release that can show time_per_output_token_seconds"),
    ("0.15.1", "time_per_output_token_seconds deleted"),
    ("0.16.0", "first prompt_tokens_cached and by source"),
    ("0.17.0", "first finish reason repetition; estimated_* always registered"),
    ("0.18.0", "cache_config_info without swap and offload labels"),
    ("0.19.0", "last prompt_tokens_recomputed; no waiting by reason"),
    ("0.20.0", "first waiting by reason; prompt_tokens_recomputed gone"),
    ("0.23.0", "iteration tokens without cached prompt tokens; capacity from blocks"),
    ("0.24.0", "first kv_cache_size_tokens"),
    ("0.26.0", "hash_block_size became prefix_match_unit"),
    ("0.29.0", "queue limits exist, rejections not counted"),
    ("0.30.0", "first request_num_preemptions"),
    ("0.31.0", "last release without admission_rejections"),
    ("0.32.0", "first admission_rejections and cached tokens by tier"),
    ("0.33.0", "newest release read"),
)


def _plain(release: str, engine: Engine, text: str, **options: Any) -> PageSpec:  # noqa: ANN401  fields vary
    return PageSpec(release, engine, text, **options)


def _ranks(count: int) -> tuple[Rank, ...]:
    return tuple(Rank(str(index), index) for index in range(count))


def _ray_ranks(*names: str, replicas: bool) -> tuple[Rank, ...]:
    """Two replicas' engines on one agent's page: the same rank, told apart by Ray's labels."""
    session = {
        "Component": "core_worker",
        "NodeAddress": "192.0.2.17",
        "SessionName": "session_2025-11-19_08-14-02",
    }
    ranks = []
    for seed, name in enumerate(names):
        replica = {"ReplicaId": f"{name[:8]}"} if replicas else {}
        ranks.append(Rank("0", seed, {**session, "Version": "2.51.1", "WorkerId": name * 2, **replica}))
    return tuple(ranks)


def _options(*features: str) -> dict[str, Any]:
    return {"features": frozenset(features)}


_VARIANTS: tuple[tuple[str, Engine, str, dict[str, Any], str], ...] = (
    (
        "0.9.0",
        "v1",
        "dp2",
        {"ranks": _ranks(2)[1:], "managed": 2},
        "DP 2 before 0.10.0: only the last rank is visible",
    ),
    (
        "0.10.1",
        "v1",
        "dp2",
        {"ranks": _ranks(2), "managed": 2},
        "DP 2, one API server: one series per engine",
    ),
    ("0.13.0", "v1", "dp4", {"ranks": _ranks(4), "managed": 4}, "DP 4, one API server"),
    (
        "0.26.0",
        "v1",
        "dp2",
        {"ranks": _ranks(2), "managed": 2},
        "DP 2: kv_cache_size_tokens is per engine, num_gpu_blocks the sum",
    ),
    (
        "0.14.1",
        "v1",
        "external-lb",
        {"ranks": (Rank("3", 3),)},
        "external load balancing: one global rank, not 0",
    ),
    (
        "0.9.2",
        "v1",
        "api-servers",
        {**_MERGED, "pids": ("25858", "25859")},
        "two API servers: pid label on the KV gauge, num_gpu_blocks None",
    ),
    (
        "0.11.0",
        "v1",
        "api-servers",
        {**_MERGED, "pids": ("311", "312")},
        "last release with pid on the KV gauge",
    ),
    (
        "0.11.0",
        "v1",
        "dp2-api-servers",
        {**_MERGED, "pids": ("311", "312"), "ranks": _ranks(2), "managed": 2},
        "two ranks and two API servers: pid and engine on the KV gauge",
    ),
    ("0.11.1", "v1", "api-servers", _MERGED, "several API servers, KV gauge without pid"),
    (
        "0.16.0",
        "v1",
        "dp2-api-servers",
        {**_MERGED, "ranks": _ranks(2), "managed": 2},
        "DP 2 means several API servers by default from here on",
    ),
    (
        "0.32.0",
        "v1",
        "dp2-api-servers",
        {**_MERGED, "ranks": _ranks(2), "managed": 2},
        "DP 2 with several API servers in a recent release",
    ),
    (
        "0.33.0",
        "v1",
        "rust",
        {"registry": "rust"},
        "Rust frontend: OpenMetrics, families without _total, whole numbers, # EOF",
    ),
    (
        "0.33.0",
        "v1",
        "rust-dp2",
        {"registry": "rust", "ranks": _ranks(2), "managed": 2},
        "Rust frontend with two ranks",
    ),
    (
        "0.9.0",
        "v1",
        "ray",
        {
            "registry": "ray",
            "prefix": "ray_vllm:",
            "ranks": _ray_ranks("6ad5887a3c1c6c", "b91e20d47f0a35", replicas=False),
        },
        "Ray's agent, colon kept, two workers of the same rank, no zero counters",
    ),
    (
        "0.11.1",
        "v1",
        "ray",
        {
            "registry": "ray",
            "prefix": "ray_vllm_",
            "ranks": _ray_ranks("0c55d1e88a9f72", "e7301b6f44dc29", replicas=True),
        },
        "Ray's agent, colon replaced, ReplicaId added",
    ),
    ("0.11.2", "v1", "kserve", {"prefix": "kserve_vllm:"}, "names behind OpenShift AI's prefix"),
    (
        "0.32.0",
        "v1",
        "custom-buckets",
        _options("custom-buckets"),
        "--custom-histogram-buckets: other bounds, none at 1 token",
    ),
    (
        "0.6.6",
        "v0",
        "spec-decode",
        {**_MERGED, **_options("spec")},
        "V0 speculation: gauges and three counters",
    ),
    ("0.8.4", "v1", "spec-decode", _options("spec"), "V1 speculation before num_drafts and per position"),
    ("0.20.0", "v1", "spec-decode", _options("spec"), "speculation: fewer output gaps than tokens"),
    (
        "0.20.0",
        "v1",
        "lora",
        _options("lora"),
        "LoRA on: one series per combination of adapters, value a timestamp",
    ),
    ("0.30.0", "v1", "nan-counting", _options("nans"), "VLLM_COMPUTE_NANS_IN_LOGITS=1: corrupted_requests"),
    (
        "0.8.4",
        "v0",
        "fresh",
        {**_MERGED, **_options("fresh")},
        "V0 just started: histograms and reasons absent, not 0",
    ),
    ("0.32.0", "v1", "fresh", _options("fresh"), "V1 just started: everything there at 0"),
    ("0.32.0", "v1", "no-log-stats", _options("no-stats"), "--disable-log-stats: no vllm series"),
    (
        "0.8.3",
        "v0",
        "show-hidden",
        {**_MERGED, **_options("hidden")},
        "--show-hidden-metrics-for-version in V0: swapped and time_in_queue back",
    ),
    (
        "0.11.2",
        "v1",
        "show-hidden",
        _options("hidden"),
        "--show-hidden-metrics-for-version: gpu_* beside the new names",
    ),
    (
        "0.12.0",
        "v1",
        "show-hidden",
        _options("hidden"),
        "--show-hidden-metrics-for-version: time_per_output_token beside its successor",
    ),
    (
        "0.40.0",
        "v1",
        "future",
        _options("future"),
        "a release nobody has seen: unknown families, KV gauge renamed",
    ),
)


def _pages() -> tuple[PageSpec, ...]:
    v0 = (_plain(release, "v0", text, **options) for release, options, text in _V0)
    v1 = (_plain(release, "v1", text) for release, text in _V1)
    ways = (
        _plain(release, engine, text, variant=name, **options) for release, engine, name, options, text in _VARIANTS
    )
    return (*v0, *v1, *ways)


PAGES = _pages()
