"""Sidecars in front of scripted engines that several tests start from."""

from __future__ import annotations

from tests.unit.collectors.harness import Rank, World


def working(**settings: object) -> World:
    """A sidecar two polls into an engine with a queue."""
    world = World(**settings)
    world.engine.ranks["0"] = Rank(running=4, waiting=8, kv=0.5, tokens=100, ttft=[0.2] * 10)
    world.engine.rank.finished["stop"] = 10
    world.run(2.0)
    return world


def whole(world: World) -> None:
    """A whole page now."""
    world.poller.poll_once()
    world.parts.recorder.tick()
