"""What successive polls add up to: restarts, ranks that come and go, stalls, peaks, and clocks that jump."""

from __future__ import annotations

import pytest

from forewarn.errors import FetchError
from tests.unit.collectors.harness import Rank, World
from tests.unit.collectors.worlds import whole, working


def test_a_peak_between_two_scrapes_is_seen_for_the_whole_window() -> None:
    """A quarter of a second with a full cache shows for a minute, and then no more."""
    world = working()
    world.engine.rank.waiting, world.engine.rank.kv = 90, 1.0
    world.step()
    world.engine.rank.waiting, world.engine.rank.kv = 0, 0.1
    world.run(55.0)
    assert world.value("llm_kv_cache_usage_ratio") == 0.1
    assert world.value("llm_kv_cache_usage_peak_ratio") == 1.0
    assert world.value("llm_requests_waiting_peak") == 90
    assert world.value("llm_queue_pressure_peak_ratio") == 22.5
    world.run(10.0)
    assert world.value("llm_kv_cache_usage_peak_ratio") == 0.1
    over = [world.value("llm_kv_cache_usage_samples_ratio_bucket", le=le) or 0.0 for le in ("0.99", "+Inf")]
    assert over[1] - over[0] == 1


@pytest.mark.parametrize("shown", [True, False])
def test_counters_go_on_over_a_restart(shown: bool) -> None:  # noqa: FBT001  table
    """With the process's start on the page or without, nothing falls and nothing counts twice."""
    world = working()
    if not shown:
        world.engine.start_time = None
        whole(world)
    world.engine.restart()
    world.engine.rank.tokens, world.engine.rank.ttft = 7, [0.2]
    world.run(4.0)
    assert world.value("llm_generation_tokens_total") == 107
    assert world.value("llm_time_to_first_token_seconds_count") == 11
    assert world.value("llm_requests_finished_total", reason="stop") == 10
    assert len(world.lines("engine restarted")) == 1
    start = world.value("llm_engine_start_time_seconds") or 0.0
    assert 0 <= world.clock.wall() - start <= 6.0


def test_a_crash_in_between_is_a_restart_too() -> None:
    """Failed polls, then a process that is already past half of the old counts."""
    world = working()
    world.engine.start_time = None
    whole(world)
    world.engine.error = FetchError("refused", "no")
    world.run(30.0)
    world.engine.error = None
    world.engine.restart()
    world.engine.rank.tokens, world.engine.rank.ttft, world.engine.rank.finished["stop"] = 90, [0.2] * 9, 9
    world.run(2.0)
    assert world.value("llm_generation_tokens_total") == 190
    assert len(world.lines("engine restarted")) == 1


def test_without_a_start_on_the_page_none_is_claimed_before_a_restart_is_seen() -> None:
    """An engine that was there first has a start that nobody knows."""
    world = World()
    world.engine.start_time = None
    world.run(4.0)
    assert world.value("llm_engine_start_time_seconds") is None


def test_ranks_come_and_go_with_the_page() -> None:
    """A rank that leaves takes its series along, one that joins has its own, the others go on."""
    world = working()
    world.engine.ranks["1"] = Rank(waiting=2, tokens=50)
    whole(world)
    assert sorted(world.values("llm_generation_tokens_total")) == [50, 100]
    del world.engine.ranks["1"]
    whole(world)
    assert world.values("llm_generation_tokens_total") == [100]
    assert world.values("llm_engine_up") == [1]
    assert not world.lines("engine restarted")


def test_a_rank_that_comes_back_does_not_begin_anew() -> None:
    """Its counts, from before an earlier restart too, are still there and are not counted twice."""
    world = working()
    world.engine.ranks["1"] = Rank(running=1, tokens=50)
    whole(world)
    world.engine.restart()
    world.engine.ranks["1"] = Rank(running=1, tokens=5)
    whole(world)
    assert world.value("llm_generation_tokens_total", engine="1") == 55
    away = world.engine.ranks.pop("1")
    whole(world)
    world.clock.advance(60.0)
    away.tokens = 8
    world.engine.ranks["1"] = away
    whole(world)
    assert world.value("llm_generation_tokens_total", engine="1") == 58
    assert world.value("llm_engine_stalled", engine="1") == 0


def test_a_rank_that_comes_back_in_a_new_process_counts_on_top() -> None:
    """It missed the restart, and its old counts are still counted once."""
    world = working()
    world.engine.ranks["1"] = Rank(running=1, tokens=50)
    whole(world)
    del world.engine.ranks["1"]
    whole(world)
    world.engine.restart()
    whole(world)
    world.engine.ranks["1"] = Rank(running=1, tokens=5)
    whole(world)
    assert world.value("llm_generation_tokens_total", engine="1") == 55


def test_ranks_that_left_are_not_kept_forever() -> None:
    """An engine that shows a new name at every poll does not fill the memory."""
    world = World()
    for n in range(50):
        world.engine.model = f"model-{n}"
        whole(world)
    assert len(world.monitor.ranks) == 1
    assert len(world.monitor._left) == 16
    assert world.values("llm_engine_up", model="model-49") == [1]


def test_a_renamed_model_is_another_series() -> None:
    """The served name is the identity; the old one is gone from the page."""
    world = working()
    world.engine.model = "other"
    whole(world)
    assert world.value("llm_requests_waiting", model="other", deployment="other") == 8
    assert not world.values("llm_requests_waiting", model="m")


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_jump_of_the_wall_clock_moves_timestamps_and_nothing_else(seconds: float) -> None:
    """Ages, durations, peaks, stalls and weights live on the monotonic clock."""
    world = working()
    world.engine.rank.tokens = 101
    whole(world)
    before = world.exported()
    world.clock.jump_wall(seconds)
    after = world.exported()
    moved = {key[0]: after[key] - value for key, value in before.items() if after[key] != value}
    assert moved == {"llm_engine_last_progress_timestamp_seconds": pytest.approx(seconds)}
    assert before.keys() == after.keys()
    world.run(8.0)
    assert world.value("llm_engine_up") == 1
    assert world.value("llm_engine_stalled") == 0
    assert not world.lines("engine restarted")


def test_a_stall_is_work_without_progress_and_ends_with_it() -> None:
    """Requests in the engine and no token for the stall time, told per rank."""
    world = working()
    world.engine.ranks["1"] = Rank(running=1, tokens=1)
    while world.clock.monotonic() < 40.0:
        world.engine.ranks["1"].tokens += 1
        world.step()
    assert [world.value("llm_engine_stalled", engine=e) for e in "01"] == [1, 0]
    world.engine.rank.tokens += 1
    world.run(2.0)
    assert world.value("llm_engine_stalled", engine="0") == 0
    progress = world.value("llm_engine_last_progress_timestamp_seconds", engine="0") or 0.0
    assert 0 <= world.clock.wall() - progress <= 2.5


def test_an_idle_engine_does_not_stall_nor_claim_progress() -> None:
    """No request, no token: nothing to report."""
    world = World()
    world.run(60.0)
    assert world.value("llm_engine_stalled") == 0
    assert world.value("llm_engine_last_progress_timestamp_seconds") is None


def test_running_alone_is_no_work_where_the_gauge_may_stick() -> None:
    """A page merged over several API servers may show a request that is long gone."""
    world = World()
    world.engine.start_time = None
    world.engine.ranks["0"] = Rank(running=1, tokens=5)
    world.run(60.0)
    assert world.value("llm_engine_stalled") == 0
    world.engine.rank.waiting = 1
    world.run(30.0)
    assert world.value("llm_engine_stalled") == 1


def test_a_fast_poll_keeps_what_only_the_whole_page_shows() -> None:
    """The capacity of the KV cache does not come and go with the speed of polling."""
    world = World()
    info = 'vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="10"} 1\n'
    world.engine.edit = lambda text: text + info if "process_start" in text else text
    for _ in range(4):
        world.step()
        assert world.value("llm_kv_cache_capacity_tokens") == 160
