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
from forewarn.probes import panel as probes
from forewarn.readiness import Readiness
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
    from forewarn.probes.client import Asker


@dataclass(frozen=True, slots=True)
class Parts:
    """The sidecar without its server."""

    monitor: Monitor
    poller: Poller
    recorder: Recorder
    registry: CollectorRegistry
    web: WebApp
    readiness: Readiness
    probes: probes.Panel

    def after_poll(self) -> None:
        """What follows every poll."""
        self.readiness.observe()
        self.recorder.tick()


def build(
    config: Config,
    clock: Clock,
    log: Log,
    source: PageSource | None = None,
    asker: Asker | None = None,
    *,
    filtered: bool = True,
) -> Parts:
    """Wire the parts. `source` and `asker` stand in for the engine: its pages, and its completions.

    A source without an asker has none, so nothing is probed. `filtered` allows fast polls of the filtered page.
    Raises ConfigError for an unusable suite of golden prompts.
    """
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
    panel = probes.build(config, monitor, asker or (None if source else probes.client(config, clock)))
    readiness = Readiness(
        monitor,
        panel.gate,
        config.number("readiness.down_after"),
        config.number("readiness.up_after"),
        follow_stall=config.flag("readiness.follow_stall"),
    )
    pages = registry(Exposition(monitor, identity, config, lambda: readiness()[0], panel))
    status = StatusModel(monitor, recorder, identity, config, readiness, panel)
    poller = Poller(fetcher, VllmAdapter(), monitor, clock, settings)
    web = WebApp(pages, readiness, status.build, panel.post)
    return Parts(monitor, poller, recorder, pages, web, readiness, panel)


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
    polling = threading.Thread(target=parts.poller.run, args=(stop, parts.after_poll), name="poll", daemon=True)
    polling.start()
    threading.Thread(target=parts.probes.scheduler.run, args=(stop,), name="probe", daemon=True).start()
    stop.wait()
    server.shutdown()
    server.server_close()
    # A poll in flight may take as long as its timeout; the process does not wait for it.
    polling.join(timeout=0.5)
    log.write("info", "forewarn stopped")
