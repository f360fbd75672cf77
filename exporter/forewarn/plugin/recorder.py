"""The stat logger without vLLM's base class: everything it does, and the guards around it."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from forewarn import __version__
from forewarn.plugin import settings
from forewarn.plugin.counting import RankCounter
from forewarn.plugin.families import PROCESS, Families, Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.plugin.families import Place

MAX_RANKS = 1024
"""Ranks of one front end that get series; vLLM's largest deployments have a few hundred."""


class Recorder:
    """Counts what vLLM reports of each step. No method raises, waits or does I/O; memory does not grow."""

    def __init__(self, *arguments: object, **named: object) -> None:
        self._ranks: dict[object, RankCounter] = {}
        self._make: Callable[[object], RankCounter] | None = None
        try:
            config = named.get("vllm_config", arguments[0] if arguments else None)
            indexes = named.get("engine_indexes", arguments[1] if len(arguments) > 1 else None)
            self._start(config, indexes, PROCESS)
        except Exception as error:  # noqa: BLE001  the engine must start, whatever is wrong here
            self._make = None
            self._ranks.clear()
            settings.LOG.warning("forewarn plugin is off: %s: %s", type(error).__name__, error)

    def _start(self, config: object, indexes: object, place: Place) -> None:
        chosen = settings.read(os.environ)
        if not chosen.enabled:
            return
        model = str(config.model_config.served_model_name)  # type: ignore[attr-defined]  # vLLM's class
        families = Families()

        def make(index: object) -> RankCounter:
            labels = (model, str(index))
            families.gauges["info"].labels(*labels, __version__).set(1)
            return RankCounter(families, labels, chosen.budgets)

        place.show(Page(families, self))
        self._make = make
        for index in indexes if isinstance(indexes, list | tuple | range) else ():
            self._rank(index)

    def record(
        self,
        scheduler_stats: object = None,
        iteration_stats: object = None,
        mm_cache_stats: object = None,  # noqa: ARG002  vLLM's signature
        engine_idx: object = 0,
        **_: object,
    ) -> None:
        """Take one step of a rank. Either part is None when the front end has none of it."""
        if self._make is None:
            return
        # Only a rank that cannot even be named raises here, and there is no series to say so.
        with contextlib.suppress(Exception):
            rank = self._ranks.get(engine_idx) or self._rank(engine_idx)
            if rank is not None:
                _take(rank, scheduler_stats, iteration_stats)

    def log(self) -> None:
        """Called by vLLM every ten seconds: an idle engine's peaks go."""
        with contextlib.suppress(Exception):
            now = time.monotonic()
            for rank in tuple(self._ranks.values()):
                rank.fade(now)

    def log_engine_initialized(self) -> None:
        """Called by vLLM once the engine is up: nothing to say."""

    def _rank(self, index: object) -> RankCounter | None:
        if self._make is None or type(index) is not int or len(self._ranks) >= MAX_RANKS:
            return None
        self._ranks[index] = self._make(index)
        return self._ranks[index]


def _take(rank: RankCounter, scheduler_stats: object, iteration_stats: object) -> None:
    try:
        if scheduler_stats is not None:
            rank.step(time.monotonic(), scheduler_stats)
        if iteration_stats is not None:
            rank.outputs(iteration_stats)
    except Exception:  # noqa: BLE001  whatever a foreign class raises must not reach the engine
        rank.unreadable("record")
