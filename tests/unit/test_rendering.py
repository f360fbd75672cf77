"""A page that remembers what it spelled is, to the byte, the page that remembers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from forewarn import exposition, identity
from forewarn import rendering as module
from forewarn.errors import FetchError
from forewarn.exposition import COLLECTORS, MARKS, Exposition
from forewarn.rendering import Rendering
from tests.unit.collectors.harness import Rank, World

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("poll"), st.just(0.0)),
        st.tuples(st.just("wait"), st.floats(0.1, 90.0)),
        st.tuples(st.just("waiting"), st.floats(0, 50).map(float)),
        st.tuples(st.just("kv"), st.floats(0, 1)),
        st.tuples(st.just("tokens"), st.floats(1, 100)),
        st.tuples(st.just("ttft"), st.floats(0.01, 9)),
        st.tuples(st.sampled_from(("down", "up", "second rank", "jump", "nan")), st.just(0.0)),
    ),
    max_size=40,
)


def made(world: World) -> Exposition:
    """Another exposition of the same world, which has seen no scrape yet."""
    who = identity.from_config(world.config)
    return Exposition(world.monitor, who, world.config, lambda: world.parts.readiness()[0], world.parts.probes)


def unremembered(world: World) -> CollectorRegistry:
    """What a sidecar exports that spells every page anew."""
    return exposition.registry(made(world))


def happen(world: World, event: str, amount: float) -> None:
    """One thing in an engine's or a sidecar's life."""
    rank = world.engine.rank
    if event == "poll":
        world.step()
    elif event == "wait":
        world.clock.advance(amount)
    elif event == "jump":
        world.clock.jump_wall(-1000.0)
    elif event in ("down", "up"):
        world.engine.error = FetchError("refused", "no") if event == "down" else None
    elif event == "second rank":
        world.engine.ranks["1"] = Rank(waiting=3)
    elif event == "nan":
        rank.kv = float("nan")
    elif event == "tokens":
        rank.tokens += amount
    elif event == "ttft":
        rank.ttft.append(amount)
    else:
        setattr(rank, event, amount)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.sampled_from((6.0, 300.0)))
def test_what_is_remembered_is_never_old(events: list[tuple[str, float]], age: float) -> None:
    """Through polls, silence, outages, clock jumps and new ranks, scraped after each."""
    world = World(poll__max_sample_age=age)
    rendering = Rendering(made(world).parts)
    for event, amount in events:
        happen(world, event, amount)
        assert rendering.page("")[0] == generate_latest(unremembered(world))
        text, kind = rendering.page(OPENMETRICS)
        assert kind.startswith("application/openmetrics-text")
        assert text == generate_openmetrics(unremembered(world))


@pytest.mark.parametrize(("age", "wait"), [(6.0, 6.5), (300.0, 61.0)])
def test_values_end_without_a_poll(age: float, wait: float) -> None:
    """Too old, or a peak whose window is over: the page does not go on showing them."""
    world = World(poll__max_sample_age=age)
    world.engine.rank.waiting = 9
    world.step()
    world.engine.rank.waiting = 0
    world.step()
    rendering = Rendering(made(world).parts)
    before = rendering.page("")[0]
    world.clock.advance(wait)
    assert rendering.page("")[0] == generate_latest(unremembered(world)) != before


def test_what_only_polls_change_is_made_once_a_poll() -> None:
    """The same objects until the next poll, and others after it."""
    world = World()
    world.run(3.0)
    shown = made(world)
    first, again = (dict(zip(COLLECTORS, shown.parts(), strict=False)) for _ in range(2))
    assert {name for name in COLLECTORS if first[name] is again[name] and first[name]} == set(MARKS)
    world.step()
    later = dict(zip(COLLECTORS, shown.parts(), strict=False))
    assert not any(later[name] is first[name] for name in MARKS)


def test_a_part_that_is_the_same_is_not_spelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only parts that are new objects are."""
    world = World()
    world.run(3.0)
    rendering = Rendering(made(world).parts)
    spelled: list[object] = []
    spell = module._spell
    monkeypatch.setattr(module, "_spell", lambda encode, part: (spelled.append(part), spell(encode, part))[1])
    rendering.page("")
    spelled.clear()
    rendering.page("")
    shown = {name for name, part in zip(COLLECTORS, made(world).parts(), strict=False) if part}
    assert len(spelled) == len(shown - set(MARKS)) > 0


def test_forms_of_the_page_that_clients_invent_are_not_kept_for_ever() -> None:
    """A version is whatever the client writes; only a few forms are remembered, and nonsense is plain text."""
    world = World()
    world.step()
    rendering = Rendering(made(world).parts)
    for minor in range(50):
        assert b"llm_engine_up" in rendering.page(f"application/openmetrics-text;version=1.0.{minor}")[0]
    assert len(rendering._texts) <= 4
    text, kind = rendering.page("application/openmetrics-text;version=x")
    assert kind.startswith("text/plain")
    assert text == generate_latest(unremembered(world))
