"""Every setting: its path, type, default and meaning. The loader, `--print-config` and docs/config.md read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn import config_values as v

if TYPE_CHECKING:
    from collections.abc import Callable

Value = str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. `parse` turns raw input into a value or raises ValueError(what was expected)."""

    path: str
    parse: Callable[[object], Value]
    default: Value
    help: str
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable of this key."""
        return "FOREWARN_" + self.path.replace(".", "_").upper()


KEYS: tuple[Key, ...] = (
    Key("deployment", v.text, None, "Name of the deployment; default: the served model's name."),
    Key("version", v.text, "", "Version of the deployment, e.g. an image tag."),
    Key("track", v.one_of("stable", "canary"), "stable", "Which side of a canary this replica is on."),
    Key("engine.url", v.http_url, "http://127.0.0.1:8000", "Address of the engine."),
    Key("engine.kind", v.one_of("vllm"), "vllm", "What the engine is."),
    Key("engine.api_key", v.text, None, "Key for the engine's /v1 paths.", secret=True),
    Key("engine.api_key_file", v.text, None, "File that holds the key."),
    Key(
        "engine.max_running_requests",
        v.positive,
        None,
        "The engine's --max-num-seqs, which it does not export.",
    ),
    Key("server.listen", v.listen, ":9841", "Where the sidecar serves."),
    Key("web.config_file", v.text, None, "File that sets up TLS and passwords, in exporter-toolkit's format; watched."),
    Key(
        "web.probe_access",
        v.one_of("full", "no-password", "no-certificate"),
        "no-password",
        "What /-/healthy and /-/ready ask of a client: all that other paths do, no password, or no certificate either.",
    ),
    Key("poll.fast_interval", v.seconds, 0.25, "Time between polls of the gauges alone."),
    Key("poll.full_interval", v.seconds, 2.0, "Time between polls of the whole page."),
    Key("poll.fallback_interval", v.seconds, 1.0, "Time between polls where the page cannot be filtered."),
    Key("poll.timeout", v.seconds, 5.0, "Longest duration of one poll."),
    Key("poll.max_sample_age", v.seconds, None, "Older values are dropped; default: 3 × poll.full_interval."),
    Key("poll.max_page_bytes", v.whole, 4 * 2**20, "A larger page is an error."),
    Key("sampling.peak_window", v.seconds, 60.0, "Window of the peak gauges; at least two scrapes long."),
    Key("sampling.stall_after", v.seconds, 10.0, "Work without progress for this long is a stall."),
    Key("objectives.ttft_seconds", v.seconds, 2.0, "Budget for time to first token."),
    Key("objectives.tpot_seconds", v.seconds, 0.1, "Budget for time per output token."),
    Key("objectives.e2e_seconds", v.seconds, 60.0, "Budget for a whole request."),
    Key("objectives.slo_ratio", v.ratio, 0.99, "Share of requests within their budget."),
    Key("objectives.kv_cache_usage_ratio", v.ratio, 0.85, "KV-cache usage that is too much."),
    Key("objectives.queue_pressure_ratio", v.positive, 1.0, "Waiting per running request that is too much."),
    Key("objectives.queue_time_seconds", v.seconds, 1.0, "Mean queue time that is too much."),
    Key("objectives.quality_score", v.ratio, None, "Quality gate."),
    Key("objectives.cost_usd_per_million_tokens", v.positive, None, "Cost objective."),
    Key(
        "objectives.replica_requests_per_second",
        v.positive,
        None,
        "What one replica carries within its budgets, from a load test.",
    ),
    Key("objectives.spare_replicas", v.not_negative, 1, "k of N+k."),
    Key(
        "objectives.deploy_headroom_replicas",
        v.not_negative,
        None,
        "Replicas out of service at once while a deploy rolls, kept beyond peak and spares; not set: none.",
    ),
    Key("replica.gpus", v.positive, None, "GPUs of this replica."),
    Key("replica.usd_per_gpu_hour", v.positive, None, "Price of one GPU."),
    Key("replica.usd_per_hour", v.positive, None, "Price of this replica; default: gpus × usd_per_gpu_hour."),
    Key("probe.enabled", v.switch, True, "Whether an idle engine is probed for life."),
    Key("probe.idle_after", v.between(v.seconds, 5, 86400), 30.0, "Time without progress after which it is probed."),
    Key("probe.deadline", v.between(v.seconds, 0.1, 120), 10.0, "Longest duration of one liveness probe."),
    Key("probe.model", v.text, None, "Model that probes ask for; default: the first one served."),
    Key(
        "probe.tokens_per_hour",
        v.between(v.whole, 1, 100_000),
        10_000,
        "Token budget of the liveness probe; at most 100000.",
    ),
    Key("warmup.enabled", v.switch, True, "Whether a fresh engine is warmed before the replica is ready."),
    Key(
        "warmup.prompt_tokens",
        v.lengths,
        "16,128,1024",
        "Lengths of the synthetic prompts, cut to the model's context.",
    ),
    Key("warmup.settled_requests", v.between(v.whole, 2, 20), 3, "TTFTs of each length that must agree."),
    Key("warmup.tolerance_ratio", v.ratio, 0.25, "Share of their median by which they may differ."),
    Key(
        "warmup.deadline",
        v.between(v.seconds, 1, 3600),
        300.0,
        "Time from the engine's first answer after which the warm-up has failed.",
    ),
    Key("warmup.request_deadline", v.between(v.seconds, 0.1, 600), 60.0, "Longest duration of one warm-up request."),
    Key(
        "warmup.on_failure",
        v.one_of("hold", "open"),
        "hold",
        "What a failed warm-up does to readiness; it goes on trying.",
    ),
    Key(
        "warmup.tokens_per_hour",
        v.between(v.whole, 1, 2_000_000),
        200_000,
        "Token budget of warm-ups; at most 2000000.",
    ),
    Key("readiness.follow_stall", v.switch, True, "Whether a stalled engine is taken out of rotation."),
    Key(
        "readiness.down_after",
        v.seconds,
        30.0,
        "Time that an engine is stalled, or too slow to answer, before it is taken out.",
    ),
    Key("readiness.up_after", v.seconds, 15.0, "Time that it moves again before it is put back."),
    Key("quality.suites", v.text, None, "File or folder with suites of golden prompts."),
    Key("quality.interval", v.between(v.seconds, 60, 366 * 86400), 3600.0, "Time between two runs of a suite."),
    Key("quality.deadline", v.between(v.seconds, 0.1, 600), 60.0, "Longest duration of one golden prompt."),
    Key(
        "quality.tokens_per_hour",
        v.between(v.whole, 1, 2_000_000),
        100_000,
        "Token budget of golden prompts; at most 2000000.",
    ),
    Key("quality.file", v.text, None, "File with scores from elsewhere, Prometheus text or JSON, watched."),
    Key("quality.max_age", v.seconds, 86400.0, "Older scores are dropped."),
    Key("quality.token", v.text, None, "Bearer token of POST /-/quality, which is closed without one.", secret=True),
    Key("quality.token_file", v.text, None, "File that holds the token."),
    Key("log.level", v.one_of("debug", "info", "warning", "error"), "info", "Least severe log line."),
    Key("log.format", v.one_of("logfmt", "json"), "logfmt", "Form of the log."),
    Key("links.runbooks", v.http_url, None, "Base address of the runbooks; default: the sidecar's own copy."),
)

BY_PATH = {key.path: key for key in KEYS}
