"""KV-cache usage, its peak and samples, and preemptions."""

from __future__ import annotations

from tests.unit.collectors.worlds import whole, working


def test_usage_is_a_ratio_with_its_peak_and_samples() -> None:
    """Half full is 0.5, counted in the bucket of its edge."""
    world = working()
    assert world.value("llm_kv_cache_usage_ratio") == 0.5
    assert world.value("llm_kv_cache_usage_peak_ratio") == 0.5
    all_of_them = world.value("llm_kv_cache_usage_samples_ratio_count")
    assert all_of_them
    assert world.value("llm_kv_cache_usage_samples_ratio_bucket", le="0.5") == all_of_them
    assert world.value("llm_kv_cache_usage_samples_ratio_sum") == 0.5 * all_of_them


def test_preemptions_are_counted() -> None:
    """The engine's counter, monotone."""
    world = working()
    assert world.value("llm_preemptions_total") == 0
    world.engine.rank.preemptions = 3
    whole(world)
    assert world.value("llm_preemptions_total") == 3


def test_a_renamed_gauge_is_absent_in_every_form() -> None:
    """No usage, no peak, no samples, rather than an empty cache."""
    world = working()
    world.engine.edit = lambda text: text.replace("kv_cache_usage_perc", "kv_usage")
    whole(world)
    assert not [n for n in world.families() if n.startswith("llm_kv_cache")]
    assert world.value("forewarn_signal_available", signal="kv_cache_usage") == 0


def test_capacity_is_absent_where_the_engine_does_not_tell() -> None:
    """No page of this engine shows its cache configuration."""
    assert working().value("llm_kv_cache_capacity_tokens") is None
