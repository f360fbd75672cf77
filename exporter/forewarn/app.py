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
from forewarn.server import WebApp
from forewarn.status.model import StatusModel
from forewarn.status.recorder import Recorder
from forewarn.web.guard import Guard
from forewarn.web.listener import Server
from forewarn.web.live import Live

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
    exposition = Exposition(monitor, identity, config, lambda: readiness()[0], panel)
    status = StatusModel(monitor, recorder, identity, config, readiness, panel)
    poller = Poller(fetcher, VllmAdapter(), monitor, clock, settings)
    web = WebApp(exposition, readiness, status.build, panel.post)
    return Parts(monitor, poller, recorder, registry(exposition), web, readiness, panel)


def sampler_settings(config: Config) -> SamplerSettings:
    """What the samplers are told."""
    return SamplerSettings(
        peak_window=config.number("sampling.peak_window"),
        stall_after=config.number("sampling.stall_after"),
        max_sample_age=config.number("poll.max_sample_age"),
        budgets={sli: config.number(f"objectives.{sli}_seconds") for sli in SLIS},
    )


def run(config: Config, clock: Clock, log: Log, stop: threading.Event, reload: threading.Event | None = None) -> None:
    """Serve and poll until `stop` is set; `reload` asks for the web configuration to be read again.

    Raises ConfigError when the address to listen on cannot be had, or the web configuration cannot be used.
    """
    parts = build(config, clock, log)
    live = Live(config.text("web.config_file"), config.text("web.probe_access"))
    server = _server(config, parts, live, log)
    web = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="web", daemon=True)
    web.start()
    log.write("info", "forewarn started", listen=config.text("server.listen"), engine=config.text("engine.url"))
    polling = threading.Thread(target=parts.poller.run, args=(stop, parts.after_poll), name="poll", daemon=True)
    polling.start()
    threading.Thread(target=parts.probes.scheduler.run, args=(stop,), name="probe", daemon=True).start()
    watching = (stop, reload or threading.Event(), parts.monitor.note)
    threading.Thread(target=live.run, args=watching, name="web configuration", daemon=True).start()
    stop.wait()
    server.shutdown()
    server.server_close()
    # A poll in flight may take as long as its timeout; the process does not wait for it.
    polling.join(timeout=0.5)
    log.write("info", "forewarn stopped")


def _server(config: Config, parts: Parts, live: Live, log: Log) -> Server:
    """The server of the pages, behind what the web configuration asks for."""

    def report(error: Exception) -> None:
        log.write("error", f"a request failed: {type(error).__name__}: {error}")

    for line in live.current().config.warnings:
        log.write("warning", line)
    guard = Guard(parts.web, live.current, config.text("web.probe_access"))
    return Server(config.text("server.listen"), guard, live.current, report)
