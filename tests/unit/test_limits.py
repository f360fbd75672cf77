"""What a page may cost: lines, models, values of a label, and the length of a name."""

from __future__ import annotations

import threading

import pytest

from forewarn.engines.vllm import MAX_RANKS, MAX_SPLIT, VllmAdapter
from forewarn.errors import PageError
from forewarn.identity import MAX_LABEL
from forewarn.layout import MAX_LINES, PageParser
from forewarn.sampling.rank import MAX_REASONS
from tests.unit.collectors.harness import Rank, World
from tests.unit.collectors.worlds import whole, working


def gauges(models: int) -> bytes:
    """A page of so many models."""
    lines = [f'vllm:num_requests_running{{engine="0",model_name="{n}"}} 1' for n in range(models)]
    return "\n".join(["# TYPE vllm:num_requests_running gauge", *lines, ""]).encode()


def test_a_page_of_more_lines_than_any_engine_has_is_refused_unread() -> None:
    """At the limit it is read, one line more is too large."""
    body = b"a 1\n" * MAX_LINES
    assert len(PageParser().parse(body).values) == MAX_LINES
    with pytest.raises(PageError, match=f"page has {MAX_LINES + 1} lines, at most {MAX_LINES} are read") as caught:
        PageParser().parse(body + b"a 1\n")
    assert caught.value.kind == "too_large"


def test_a_page_of_more_models_than_any_engine_has_is_refused() -> None:
    """At the limit it is bound, one model more is too large."""
    assert len(VllmAdapter().bind(PageParser().parse(gauges(MAX_RANKS)).layout).slots) == MAX_RANKS
    with pytest.raises(PageError, match="at most 256 are read") as caught:
        VllmAdapter().bind(PageParser().parse(gauges(MAX_RANKS + 1)).layout)
    assert caught.value.kind == "too_large"


def test_a_counter_split_by_too_many_values_is_missing() -> None:
    """Its series are gone and said to be, the others go on."""
    world = working()
    world.engine.rank.finished = {f"r{n}": 1.0 for n in range(MAX_SPLIT + 1)}
    whole(world)
    assert world.value("forewarn_signal_available", signal="requests_finished") == 0
    assert not world.values("llm_requests_finished_total")
    assert world.value("llm_requests_waiting") == 8


def test_made_up_reasons_do_not_fill_the_memory() -> None:
    """Reasons are kept for ever, but only so many."""
    world = working()
    for n in range(MAX_REASONS):
        world.engine.rank.finished = {"stop": 10.0 + n, f"r{n}": 1.0}
        whole(world)
    reasons = {dict(labels)["reason"] for name, labels in world.exported() if name == "llm_requests_finished_total"}
    assert len(reasons) == MAX_REASONS
    assert world.value("llm_requests_finished_total", reason="stop") == 10 + MAX_REASONS - 1


def test_a_name_without_end_is_cut() -> None:
    """The engine's model name stands on every series, and is bounded there."""
    world = World()
    world.engine.model = "x" * 1000
    world.run(2.0)
    assert world.values("llm_engine_up", model="x" * MAX_LABEL, deployment="x" * MAX_LABEL) == [1]


def test_a_page_that_ends_in_the_middle_of_a_line_is_no_page() -> None:
    """A length announced too short cuts a number in two, which still reads as one."""
    world = working()
    world.engine.edit = lambda text: text[:-1]
    world.step()
    assert world.monitor.state == "bad_page"
    assert world.value("forewarn_polls_total", result="truncated") == 1


def test_another_engine_without_a_start_time_is_introduced() -> None:
    """Its names are all new, so that its version is asked for and its page's filter tried."""
    world = World()
    world.engine.start_time = None
    world.engine.ranks["0"] = Rank(running=1, tokens=5)
    whole(world)
    world.engine.model, world.engine.version = "another", "0.8.5"
    whole(world)
    assert world.value("llm_engine_info", model="another", engine_version="0.8.5") == 1


def test_want_of_memory_is_not_blamed_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a failed poll of its own kind, and the next one is made."""

    def exhausted(_text: str) -> None:
        raise MemoryError

    world = working()
    with monkeypatch.context() as patch:
        patch.setattr("forewarn.layout.parse_text", exhausted)
        world.engine.edit = lambda text: text + "# more\n"
        world.run(2.0)
    assert world.value("llm_engine_up") == 0
    assert (world.value("forewarn_polls_total", result="internal") or 0) >= 1
    world.run(2.0)
    assert world.value("llm_engine_up") == 1


def test_what_follows_a_poll_may_fail_without_ending_the_polling() -> None:
    """A defect in what is called after each poll is one line of the log, however often it comes."""
    world, stop, calls = World(), threading.Event(), []

    def after() -> None:
        calls.append(world.clock.monotonic())
        if len(calls) == 5:
            stop.set()
        raise RuntimeError("oh")

    world.poller.run(stop, after)
    assert len(calls) == 5
    assert len(world.lines("polling goes on after a defect: RuntimeError: oh")) == 1
