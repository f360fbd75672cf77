"""The plugin's series and their place in the engine's registry."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from forewarn import catalogue
from forewarn.plugin.families import BOUNDS, Families, Page, Place
from forewarn.sampling.rank import SAMPLE_BOUNDS


class Owner:
    """A logger that vLLM holds."""


def test_every_row_of_the_catalogue_is_a_family() -> None:
    """Names, types and labels are the table's."""
    registry, owner = CollectorRegistry(), Owner()
    Place(registry).show(Page(Families(), owner))
    found = {family.name: family.type for family in registry.collect()}
    assert found == {metric.name.removesuffix("_total"): metric.type for metric in catalogue.PLUGIN}


def test_bounds_are_those_of_the_sidecars_samples() -> None:
    """So that either source can feed one exported histogram."""
    assert sorted(BOUNDS.values()) == sorted(SAMPLE_BOUNDS.values())


def test_a_taken_name_leaves_nothing_behind() -> None:
    """All or nothing: the clash is the caller's to report, and the other's series stay."""
    registry, owner = CollectorRegistry(), Owner()
    Counter("forewarn_plugin_preemptions", "Somebody else's.", registry=registry).inc(3)
    with pytest.raises(ValueError, match="forewarn_plugin_preemptions"):
        Place(registry).show(Page(Families(), owner))
    text = generate_latest(registry).decode()
    assert "forewarn_plugin_preemptions_total 3.0" in text
    assert "forewarn_plugin_info" not in text


def test_a_later_engine_takes_the_place_of_an_earlier_one() -> None:
    """Two engines of one process, one after the other, do not clash."""
    registry, first, second = CollectorRegistry(), Families(), Families()
    place, owner = Place(registry), Owner()
    place.show(Page(first, owner))
    first.gauges["info"].labels("one", "0", "v").set(1)
    place.show(Page(second, owner))
    second.gauges["info"].labels("two", "0", "v").set(1)
    text = generate_latest(registry).decode()
    assert 'model_name="two"' in text
    assert 'model_name="one"' not in text


def test_a_cleared_registry_is_no_obstacle() -> None:
    """Whoever unregistered the page, the next one is shown."""
    registry, owner = CollectorRegistry(), Owner()
    place, page = Place(registry), Page(Families(), owner)
    place.show(page)
    registry.unregister(page)
    place.show(Page(Families(), owner))
    assert "forewarn_plugin_info" in generate_latest(registry).decode()


def test_vllms_own_unregistering_leaves_the_page() -> None:
    """VLLM removes collectors by their `_name`, with what this loop of its v1/metrics/prometheus.py does."""
    registry, owner = CollectorRegistry(), Owner()
    Place(registry).show(Page(Families(), owner))
    for collector in list(registry._collector_to_names):
        if hasattr(collector, "_name") and collector._name.startswith("vllm:"):
            registry.unregister(collector)
    assert "forewarn_plugin_info" in generate_latest(registry).decode()


def test_series_go_with_their_logger() -> None:
    """Counts that stand still because nobody feeds them are not shown."""
    registry, owner, families = CollectorRegistry(), Owner(), Families()
    Place(registry).show(Page(families, owner))
    families.counters["preemptions_total"].labels("m", "0").inc()
    assert "preemptions_total" in generate_latest(registry).decode()
    del owner
    assert generate_latest(registry) == b""


def test_a_filtered_page_can_show_them() -> None:
    """The names are known to the registry, so `name[]` finds them."""
    registry, owner, families = CollectorRegistry(), Owner(), Families()
    Place(registry).show(Page(families, owner))
    families.counters["preemptions_total"].labels("m", "0").inc(2)
    text = generate_latest(registry.restricted_registry(["forewarn_plugin_preemptions_total"])).decode()
    assert 'forewarn_plugin_preemptions_total{engine="0",model_name="m"} 2.0' in text
    assert "forewarn_plugin_info" not in text
