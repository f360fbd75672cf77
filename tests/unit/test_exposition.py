"""What is exported is what the catalogue says, and a failing collector costs only its own series."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from forewarn import config, exposition, identity
from forewarn.catalogue import BY_NAME, METRICS, OBJECTIVES, PROBES, QUEUE
from forewarn.check import FilePage
from tests.tools.goldens import CAPTURE, GOLDEN, VOLATILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prometheus_client import Metric

    from forewarn.collectors.base import Families, View
    from tests.unit.conftest import Sidecar

NOT_IN_A_GOLDEN = {
    "llm_engine_last_progress_timestamp_seconds": "a golden is one page seen twice, so nothing moves",
    "llm_max_running_requests": "only from the configuration",
    "llm_objective_quality_score": "only from the configuration",
    "llm_objective_cost_usd_per_million_tokens": "only from the configuration",
    "llm_objective_replica_requests_per_second": "only from the configuration",
    "llm_objective_deploy_headroom_replicas": "only from the configuration",
    "llm_replica_gpus": "only from the configuration",
    "llm_replica_cost_usd_per_hour": "only from the configuration",
    **dict.fromkeys(VOLATILE, "differs between runs, so goldens leave it out"),
}
ONLY_IN_ACTION = {metric.name for metric in PROBES} | {"forewarn_collector_success"}
"""What appears once a probe ran (tests/unit/collectors/test_probes.py) or a collector failed."""
CONFIGURED = {
    "engine__max_running_requests": 64,
    "objectives__quality_score": 0.9,
    "objectives__cost_usd_per_million_tokens": 2,
    "objectives__replica_requests_per_second": 5,
    "objectives__deploy_headroom_replicas": 1,
    "replica__gpus": 4,
    "replica__usd_per_gpu_hour": 2.5,
}


def families(text: str) -> dict[str, Metric]:
    """Parsed families by their name in the catalogue; a family that comes twice fails."""
    found: dict[str, Metric] = {}
    for family in parse(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name not in found
        found[name] = family
    return found


@cache
def golden(path: Path) -> dict[str, Metric]:
    """Families of a golden page."""
    return families(path.read_text(encoding="utf-8"))


def page(built: Sidecar) -> str:
    """The sidecar's page."""
    return generate_latest(built.parts.registry).decode()


def moving(sidecar: Callable[..., Sidecar], **settings: object) -> Sidecar:
    """A sidecar that saw an engine work: two captures' pages with a token more on the second."""
    source = FilePage(str(CAPTURE))
    built = sidecar(source, **settings)
    built.parts.poller.poll_once()
    built.clock.advance(1.0)
    source._body = re.sub(rb"(vllm:generation_tokens_total\{[^}]*\}) \S+", rb"\1 30000.0", source._body)
    built.parts.poller.poll_once()
    return built


def assert_in_catalogue(name: str, family: Metric) -> None:
    """Name, type, help, suffixes and label names are the catalogue's."""
    metric = BY_NAME[name]
    assert (family.type, family.documentation) == (metric.type, metric.help)
    for sample in family.samples:
        assert sample.name in metric.sample_names()
        labels = sample.labels.keys() - ({"le"} if sample.name.endswith("_bucket") else set())
        assert labels == set(metric.all_labels)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_everything_on_a_golden_is_in_the_catalogue(path: Path) -> None:
    """Each exported family is a row of the catalogue, labels and help included."""
    for name, family in golden(path).items():
        assert_in_catalogue(name, family)


def test_everything_in_the_catalogue_is_on_a_golden_or_has_a_reason() -> None:
    """No row of the catalogue is a promise that nothing keeps."""
    shown = set().union(*(golden(path) for path in GOLDEN.glob("*.txt")))
    assert {metric.name for metric in METRICS} - shown == set(NOT_IN_A_GOLDEN) | ONLY_IN_ACTION


def test_what_no_golden_shows_is_exported_when_its_reason_ends(sidecar: Callable[..., Sidecar]) -> None:
    """With settings given and an engine at work the rest of the catalogue appears, as catalogued."""
    found = families(page(moving(sidecar, **CONFIGURED)))
    assert found.keys() >= set(NOT_IN_A_GOLDEN)
    for name in NOT_IN_A_GOLDEN:
        assert_in_catalogue(name, found[name])
    assert found["llm_replica_cost_usd_per_hour"].samples[0].value == 10.0


def test_the_catalogue_is_well_named() -> None:
    """Unique snake_case names without colons; counters and nothing else end in _total; every row has a help line."""
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"(llm|forewarn)_[a-z0-9]+(_[a-z0-9]+)*", metric.name)
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert metric.help.endswith(".")
        assert metric.help.isprintable()


def test_the_schema_has_at_most_half_the_series_of_the_engine_s_page(sidecar: Callable[..., Sidecar]) -> None:
    """A replica costs Prometheus no more than half of what scraping vLLM does, with default settings."""
    raw = sum(not line.startswith("#") for line in CAPTURE.read_text(encoding="utf-8").splitlines())
    exported = sum(not line.startswith("#") for line in page(moving(sidecar)).splitlines())
    assert 0 < exported <= raw / 2


def page_with(built: Sidecar, **collectors: exposition.Collect) -> Callable[[], dict[str, Metric]]:
    """Families of a sidecar in which these collectors replace the real ones."""
    settings = config.load(None, {}, {})
    shown = exposition.Exposition(
        built.parts.monitor,
        identity.from_config(settings),
        settings,
        lambda: True,
        built.parts.probes,
        {**exposition.COLLECTORS, **collectors},
    )
    registry = exposition.registry(shown)
    return lambda: families(generate_latest(registry).decode())


class _Failing:
    """A collector that raises half-way while it is told to."""

    fails = True

    def __call__(self, view: View, out: Families) -> None:
        out.add("llm_requests_running", view.known()[0], 1.0)
        if self.fails:
            raise LookupError("no such thing")


def success(found: dict[str, Metric]) -> dict[str, float]:
    """forewarn_collector_success by collector, of those that ever failed."""
    if "forewarn_collector_success" not in found:
        return {}
    return {sample.labels["collector"]: sample.value for sample in found["forewarn_collector_success"].samples}


def test_a_collector_that_raises_costs_only_its_own_series(sidecar: Callable[..., Sidecar]) -> None:
    """Its half-made series are dropped and its success is 0; everything else is as before."""
    built = moving(sidecar)
    healthy, broken = families(page(built)), page_with(built, queue=_Failing())()
    assert healthy.keys() - broken.keys() == {metric.name for metric in QUEUE} & healthy.keys()
    assert success(healthy) == {}
    assert success(broken) == {"queue": 0.0}
    assert broken["llm_kv_cache_usage_ratio"].samples == healthy["llm_kv_cache_usage_ratio"].samples


def test_a_failing_collector_is_logged_once_per_failure(sidecar: Callable[..., Sidecar]) -> None:
    """However many scrapes meet the failure it is one line, and another after it had recovered."""
    built, failing = moving(sidecar), _Failing()
    collect = page_with(built, queue=failing)
    line = "collector queue failed: LookupError: no such thing"
    collect()
    collect()
    assert built.logged.getvalue().count(line) == 1
    failing.fails = False
    assert success(collect())["queue"] == 1.0
    failing.fails = True
    built.parts.poller.poll_once()
    collect()
    assert built.logged.getvalue().count(line) == 2


def test_before_the_first_poll_only_what_is_known_is_exported(sidecar: Callable[..., Sidecar]) -> None:
    """No zero stands in for what was never seen, not even for the engine's state."""
    found = families(page(sidecar()))
    engine = {metric.name for metric in METRICS if metric.name.startswith("llm_")} & found.keys()
    assert engine == {metric.name for metric in OBJECTIVES if metric.name in found} | {"llm_replica_ready"}
    assert found["llm_replica_ready"].samples[0].value == 0.0


def test_an_engine_that_went_away_takes_its_series_along(sidecar: Callable[..., Sidecar]) -> None:
    """After a failed poll up is 0 under the engine's own labels and no engine value is repeated."""
    built = moving(sidecar)
    built.parts.monitor.failed("refused", "connection refused")
    found = families(page(built))
    (up,) = found["llm_engine_up"].samples
    assert (up.value, up.labels["model"], up.labels["engine"]) == (0.0, "tiny", "0")
    kept = {name for name in found if name.startswith("llm_") and not name.startswith("llm_objective_")}
    assert kept == {"llm_engine_up", "llm_replica_ready"}
    assert {s.labels["result"]: s.value for s in found["forewarn_polls_total"].samples} == {"success": 2, "refused": 1}


def test_a_value_older_than_the_longest_sample_age_is_not_shown(sidecar: Callable[..., Sidecar]) -> None:
    """A poller that hangs without failing does not leave old values standing."""
    built = moving(sidecar)
    built.clock.advance(6.5)
    found = families(page(built))
    assert found["llm_engine_up"].samples[0].value == 0.0
    assert "llm_requests_running" not in found
    assert found["forewarn_sample_age_seconds"].samples[0].value == 6.5
