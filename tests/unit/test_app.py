"""The parts put together: settings that reach them, readiness, and a whole engine's life through to the page."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from forewarn import app, config
from forewarn.catalogue import BY_NAME
from forewarn.clock import ManualClock
from forewarn.errors import ConfigError, FetchError
from forewarn.logs import Log
from forewarn.sampling.rank import SamplerSettings
from tests.tools.pages.manifest import written_pages
from tests.unit.collectors.harness import Rank, World, only, selected
from tests.unit.collectors.worlds import working

if TYPE_CHECKING:
    from forewarn.config import Config
    from tests.tools.pages.manifest import PageTruth


def loaded(**settings: object) -> Config:
    """Settings by path."""
    return config.load(None, {}, {path.replace("__", "."): ("test", value) for path, value in settings.items()})


def test_settings_reach_the_samplers() -> None:
    """Windows, limits and budgets are those configured; the longest sample age follows the full interval."""
    settings = loaded(sampling__peak_window=90, sampling__stall_after="1m", poll__full_interval=4)
    assert app.sampler_settings(settings) == SamplerSettings(90.0, 60.0, 12.0, {"ttft": 2.0, "tpot": 0.1, "e2e": 60.0})


def test_settings_reach_the_poller() -> None:
    """Intervals in force are those configured."""
    world = World(poll__fast_interval="500ms", poll__full_interval=3, poll__fallback_interval=2)
    world.step()
    assert world.monitor.intervals == {"full": 3.0, "fast": 0.5}
    world.engine.error = FetchError("refused", "no")
    world.step()
    assert world.monitor.intervals == {"full": 2.0}


def test_polling_may_be_kept_from_filtering() -> None:
    """Where the caller says so, only whole pages are asked for."""
    world = World()
    parts = app.build(world.config, world.clock, Log(world.clock, stream=io.StringIO()), world.engine, filtered=False)
    parts.poller.step()
    assert world.paths() == ["/metrics", "/version"]


def test_a_replica_is_ready_once_its_engine_answered_and_while_it_does() -> None:
    """Not before the first answer, through a single failure, and not past the longest sample age."""
    world = World()
    ready = app.Readiness(world.monitor)
    assert ready() == (False, "engine not seen yet: no poll yet")
    world.engine.error = FetchError("refused", "connection refused")
    world.step()
    assert ready() == (False, "engine not seen yet: connection refused")
    world.engine.error = None
    world.step()
    assert ready() == (True, "ready")
    world.engine.error = FetchError("refused", "connection refused")
    world.step()
    assert ready() == (True, "ready")
    world.run(9.0)
    assert ready() == (False, "engine unreachable for 10 s: connection refused")


def test_a_busy_replica_stays_ready() -> None:
    """A full cache and a long queue are no reason to leave the rotation."""
    world = working()
    world.engine.rank.waiting, world.engine.rank.kv = 10_000, 1.0
    world.run(60.0)
    assert app.Readiness(world.monitor)()[0]


def test_serving_ends_when_told_without_waiting_for_the_engine() -> None:
    """Started and stopped with a line each; nothing listens afterwards."""
    clock, logged, stop = ManualClock(), io.StringIO(), threading.Event()
    stop.set()
    settings = loaded(server__listen="127.0.0.1:0", engine__url="http://127.0.0.1:9")
    app.run(settings, clock, Log(clock, stream=logged), stop)
    assert [line.split("msg=")[1] for line in logged.getvalue().splitlines()] == [
        '"forewarn started" listen=127.0.0.1:0 engine=http://127.0.0.1:9',
        '"forewarn stopped"',
    ]


def test_an_address_that_cannot_be_had_is_the_users_mistake() -> None:
    """Nothing is started, and the setting is named."""
    settings = loaded(server__listen="203.0.113.1:9841")
    with pytest.raises(ConfigError, match=r"server\.listen"):
        app.run(settings, ManualClock(), Log(ManualClock(), stream=io.StringIO()), threading.Event())


@pytest.mark.parametrize("page", [page for page in written_pages() if page.ranks], ids=lambda page: page.file)
def test_what_a_page_encodes_is_what_is_exported(page: PageTruth) -> None:
    """From a page through polling and text: the queue, the cache and tokens of every rank are the engine's."""
    world = World()
    world.engine.content_type, world.engine.edit, world.engine.filter = page.content_type, lambda _: page.text, "fails"
    world.run(2.0)
    exported = world.exported()
    for engine in {rank.engine for rank in page.ranks}:
        workers = [rank.values for rank in page.ranks if rank.engine == engine]
        for signal, name in (
            ("requests_running", "llm_requests_running"),
            ("requests_waiting", "llm_requests_waiting"),
            ("generation_tokens", "llm_generation_tokens_total"),
            ("preemptions", "llm_preemptions_total"),
        ):
            shown = [values[signal] for values in workers if signal in values]
            assert only(selected(exported, name, {"engine": engine})) == (sum(shown) if shown else None)
        usage = [values["kv_cache_usage"] for values in workers if "kv_cache_usage" in values]
        found = only(selected(exported, "llm_kv_cache_usage_ratio", {"engine": engine}))
        assert found == max(usage, default=None)


def test_every_exported_name_is_in_the_catalogue_in_every_state() -> None:
    """Down, idle, busy or odd: no series that is not documented, and no number that is not one."""
    world = World(replica__gpus=1, replica__usd_per_hour=2, engine__max_running_requests=9)
    names = {name for metric in BY_NAME.values() for name in metric.sample_names()}
    for scene in ("starting", "ok", "two ranks", "down", "no series", "odd"):
        world.engine.error = FetchError("refused", "no") if scene == "down" else None
        world.engine.hidden = set(world.engine.rank.families()) if scene == "no series" else set()
        if scene == "two ranks":
            world.engine.ranks["1"] = Rank(waiting=3)
        if scene == "odd":
            world.engine.rank.waiting = float("nan")
        if scene != "starting":
            world.run(3.0)
        text = generate_latest(world.parts.registry).decode()
        samples = [sample for family in parse(text) for sample in family.samples]
        assert {sample.name for sample in samples} <= names
        assert all(sample.value >= 0 for sample in samples)
        assert world.values("forewarn_collector_success") == []
