"""The catalogue follows Prometheus's conventions for names, units, labels and help."""

from __future__ import annotations

import re

import pytest

from forewarn.catalogue import (
    BY_NAME,
    IDENTITY,
    METRICS,
    PLUGIN,
    PLUGIN_IDENTITY,
    PLUGIN_PREFIX,
    RESERVED,
    SELF,
    Metric,
)

ALL = (*METRICS, *RESERVED, *PLUGIN)
each = pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NOT_BASE = {
    "ms",
    "milliseconds",
    "us",
    "minutes",
    "hours",
    "kb",
    "mb",
    "bytes_per_second",
    "percent",
    "perc",
    "count",
    "sum",
}


@each
def test_names_are_plain_lower_case_with_one_namespace(metric: Metric) -> None:
    """No colon, which is for recording rules, and the prefix of the engine's or of the sidecar's series."""
    assert NAME.fullmatch(metric.name)
    assert metric.name.startswith("forewarn_" if metric in (*SELF, *PLUGIN) else "llm_")


@each
def test_only_counters_end_in_total(metric: Metric) -> None:
    """The suffix says the type, and no name ends in what a type adds."""
    assert metric.name.endswith("_total") == (metric.type == "counter")
    assert metric.name.endswith("_info") <= (metric.type == "gauge" and metric.help.startswith("1; "))
    assert metric.name.rpartition("_")[2] not in {"bucket", "count", "sum", "created"}


@each
def test_units_are_base_units(metric: Metric) -> None:
    """Seconds, ratios and tokens; a price per hour or per million tokens is the field's own unit."""
    assert not set(metric.name.split("_")) & NOT_BASE
    assert metric.name.rpartition("_")[2] not in {"duration", "age", "interval", "latency", "timestamp", "time"}


@each
def test_help_is_a_sentence(metric: Metric) -> None:
    """One line that begins a sentence and ends it."""
    assert metric.help.endswith(".")
    assert "\n" not in metric.help
    assert metric.help[0].isupper() or metric.help[0].isdigit()
    assert not metric.help.endswith("..")


@each
def test_labels_are_valid_and_never_repeat_the_identity(metric: Metric) -> None:
    """The engine's series carry the identity, the sidecar's own do not."""
    assert all(NAME.fullmatch(label) and not label.startswith("__") for label in metric.all_labels)
    assert len(set(metric.all_labels)) == len(metric.all_labels)
    assert metric.all_labels == ((*IDENTITY, *metric.labels) if metric.name.startswith("llm_") else metric.labels)
    assert "le" not in metric.all_labels


def test_names_are_unique() -> None:
    """Also among the samples that histograms expand to."""
    samples = [name for metric in ALL for name in metric.sample_names()]
    assert len(set(samples)) == len(samples)
    assert len(BY_NAME) == len(METRICS)


def test_sample_names_are_those_of_the_type() -> None:
    """A histogram is queried by its parts, everything else by its name."""
    assert BY_NAME["llm_queue_time_seconds"].sample_names() == (
        "llm_queue_time_seconds_bucket",
        "llm_queue_time_seconds_count",
        "llm_queue_time_seconds_sum",
    )
    assert BY_NAME["llm_requests_waiting"].sample_names() == ("llm_requests_waiting",)


def test_leading_series_are_those_that_move_before_users_feel_it() -> None:
    """Queue and cache lead; throughput, outcomes, cost and thresholds do not."""
    leading = {metric.name for metric in METRICS if metric.leading}
    for name in ("llm_requests_waiting", "llm_queue_time_seconds", "llm_kv_cache_usage_ratio", "llm_preemptions_total"):
        assert name in leading
    blunt = ("llm_generation_tokens_total", "llm_requests_finished_total", "llm_requests_running", "llm_engine_up")
    assert not leading & set(blunt)
    assert not [name for name in leading if name.startswith(("llm_objective_", "llm_replica_cost", "forewarn_"))]


def test_series_of_the_plugin_are_those_of_the_sidecar() -> None:
    """Name and type are the exported series', so that one can stand in for the other."""
    own = {PLUGIN_PREFIX + "info", PLUGIN_PREFIX + "unreadable_total"}
    for metric in PLUGIN:
        assert metric.labels[:2] == PLUGIN_IDENTITY
        if metric.name not in own:
            exported = BY_NAME["llm_" + metric.name.removeprefix(PLUGIN_PREFIX)]
            assert (metric.type, metric.leading) == (exported.type, exported.leading)
