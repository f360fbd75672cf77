"""Puts the sidecar together from a Config and runs it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forewarn import identity as identities
from forewarn.engines.vllm import VllmAdapter
from forewarn.exposition import Exposition, registry
from forewarn.monitor import Monitor
from forewarn.poller import Poller, PollSettings
from forewarn.sampling.rank import SLIS, SamplerSettings
from forewarn.scrape import Fetcher
from forewarn.server import Server, WebApp
from forewarn.status.model import StatusModel
from forewarn.status.recorder import Recorder

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from forewarn.clock import Clock
    from forewarn.config import Config
    from forewarn.logs import Log
    from forewarn.poller import PageSource


@dataclass(frozen=True, slots=True)
class Parts:
    """The sidecar without its server."""

    monitor: Monitor
    poller: Poller
    recorder: Recorder
    registry: CollectorRegistry
    web: WebApp


class Readiness:
    """Whether the replica may take traffic, and why not.

    The engine must have answered within the longest sample age, so a single failed poll takes nobody out of
    rotation. Load is no reason: a fleet must not pull itself out when it is busy.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def __call__(self) -> tuple[bool, str]:
        """(ready, one line that says why)."""
        age = self._monitor.sample_age()
        if age is None:
            return False, f"engine not seen yet: {self._monitor.detail}"
        if age > self._monitor.settings.max_sample_age:
            return False, f"engine {self._monitor.state} for {age:.0f} s: {self._monitor.detail}"
        return True, "ready"


def build(config: Config, clock: Clock, log: Log, source: PageSource | None = None, *, filtered: bool = True) -> Parts:
    """Wire the parts. `source` replaces the HTTP fetcher; `filtered` allows fast polls of the filtered page."""
    monitor = Monitor(sampler_settings(config), clock, log)
    fetcher = source or Fetcher(
        config.text("engine.url"), config.number("poll.timeout"), int(config.number("poll.max_page_bytes"))
    )
    settings = PollSettings(
        fast=config.number("poll.fast_interval"),
        full=config.number("poll.full_interval"),
        fallback=config.number("poll.fallback_interval"),
        filtered=filtered,
    )
    identity = identities.from_config(config)
    recorder = Recorder(monitor)
    readiness = Readiness(monitor)
    pages = registry(Exposition(monitor, identity, config, lambda: readiness()[0]))
    status = StatusModel(monitor, recorder, identity, config, readiness)
    poller = Poller(fetcher, VllmAdapter(), monitor, clock, settings)
    return Parts(monitor, poller, recorder, pages, WebApp(pages, readiness, status.build))


def sampler_settings(config: Config) -> SamplerSettings:
    """What the samplers are told."""
    return SamplerSettings(
        peak_window=config.number("sampling.peak_window"),
        stall_after=config.number("sampling.stall_after"),
        max_sample_age=config.number("poll.max_sample_age"),
        budgets={sli: config.number(f"objectives.{sli}_seconds") for sli in SLIS},
    )


def run(config: Config, clock: Clock, log: Log, stop: threading.Event) -> None:
    """Serve and poll until `stop` is set.

    Raises ConfigError when the address to listen on cannot be had.
    """
    parts = build(config, clock, log)
    server = Server(config.text("server.listen"), parts.web)
    web = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="web", daemon=True)
    web.start()
    log.write("info", "forewarn started", listen=config.text("server.listen"), engine=config.text("engine.url"))
    polling = threading.Thread(target=parts.poller.run, args=(stop, parts.recorder.tick), name="poll", daemon=True)
    polling.start()
    stop.wait()
    server.shutdown()
    server.server_close()
    # A poll in flight may take as long as its timeout; the process does not wait for it.
    polling.join(timeout=0.5)
    log.write("info", "forewarn stopped")
