"""All probes of a sidecar, put together from its settings."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn.config import read_secret
from forewarn.errors import ConfigError
from forewarn.probes import suites
from forewarn.probes.budget import Allowance
from forewarn.probes.client import Client
from forewarn.probes.golden import Golden, Schedule
from forewarn.probes.inbox import Inbox, Post, ScoreFile
from forewarn.probes.liveness import Liveness
from forewarn.probes.prober import Prober
from forewarn.probes.scheduler import Scheduler
from forewarn.probes.scores import Scoreboard
from forewarn.probes.warmup import Gate, WarmupSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.clock import Clock
    from forewarn.config import Config
    from forewarn.monitor import Monitor
    from forewarn.probes.client import Asker
    from forewarn.probes.scheduler import Activity

_KINDS = {"liveness": "probe", "warmup": "warmup", "golden": "quality"}
"""Kind of probe → section of the settings that holds its budget."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The probes; None stands for one that is turned off."""

    prober: Prober
    gate: Gate | None
    liveness: Liveness | None
    golden: Golden
    board: Scoreboard
    inbox: Inbox
    post: Post
    scheduler: Scheduler


def build(config: Config, monitor: Monitor, asker: Asker | None) -> Panel:
    """Put the probes together; without an `asker` nothing can be asked. Raises ConfigError for an unusable suite."""
    prober = Prober(asker or client(config, monitor.clock), allowance(config, monitor), monitor)
    gate = None
    if asker is not None and config.flag("warmup.enabled"):
        gate = Gate(prober, monitor, warmup_settings(config), random.Random())  # noqa: S311  prompts need no secrecy

    def warming() -> bool:
        return gate is not None and gate.at_work

    liveness = None
    if asker is not None and config.flag("probe.enabled"):
        idle_after, deadline = config.number("probe.idle_after"), config.number("probe.deadline")
        liveness = Liveness(prober, monitor, idle_after, deadline, warming)
    loaded = suites.load(config)
    board = Scoreboard(config.number("quality.max_age"), (suite.name for suite in loaded))
    schedule = Schedule(loaded if asker else (), config.number("quality.interval"), config.number("quality.deadline"))
    golden = Golden(prober, monitor, board, schedule, warming)
    inbox = Inbox(board, monitor)
    activities: list[Activity] = [part for part in (gate, liveness, golden) if part is not None]
    if config.text("quality.file"):
        activities.insert(0, ScoreFile(config.text("quality.file"), inbox))
    post = Post(config.text("quality.token"), inbox)
    return Panel(prober, gate, liveness, golden, board, inbox, post, Scheduler(activities, monitor))


def client(config: Config, clock: Clock) -> Client:
    """The engine's /v1 paths, as configured."""
    return Client(config.text("engine.url"), key_source(config), clock, config.text("probe.model"))


def key_source(config: Config) -> Callable[[], str]:
    """Gives the engine's key; one from a file is read anew each time.

    A key that is rotated and comes into force with the engine's next start would otherwise hold the replica back.
    """
    where, known = "engine.api_key_file", config.text("engine.api_key")
    path = config.text(where)
    if not path or read_secret(where, path) != known:
        return lambda: known

    def read() -> str:
        try:
            return read_secret(where, path)
        except ConfigError:
            return known  # the file is being replaced

    return read


def allowance(config: Config, monitor: Monitor) -> Allowance:
    """What each kind of probe may spend."""
    return Allowance(
        {kind: config.number(f"{section}.tokens_per_hour") for kind, section in _KINDS.items()}, monitor.clock
    )


def warmup_settings(config: Config) -> WarmupSettings:
    """What the gate is told."""
    return WarmupSettings(
        lengths=tuple(int(length) for length in config.text("warmup.prompt_tokens").split(",")),
        settled=int(config.number("warmup.settled_requests")),
        tolerance=config.number("warmup.tolerance_ratio"),
        deadline=config.number("warmup.deadline"),
        request_deadline=config.number("warmup.request_deadline"),
        hold=config.text("warmup.on_failure") == "hold",
    )
