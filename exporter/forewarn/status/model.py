"""The JSON that the status page draws. Contract of `/api/status`, version 1 of the exported schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import SCHEMA_VERSION, __version__
from forewarn import signals as s
from forewarn.status.indicators import INDICATORS, Indicator, state
from forewarn.status.probes import probes_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.config import Config
    from forewarn.identity import Identity
    from forewarn.monitor import Monitor
    from forewarn.probes.panel import Panel
    from forewarn.snapshot import RankKey
    from forewarn.status.recorder import Recorder

Json = dict[str, object]

_ALERT_OF_STATE = {
    "unreachable": "LLMEngineDown",
    "slow": "LLMEngineDown",
    "bad_page": "LLMEngineDown",
    "no_series": "LLMSignalMissing",
    "stalled": "LLMEngineStalled",
}


class StatusModel:
    """Builds the status of one sidecar."""

    def __init__(
        self,
        monitor: Monitor,
        recorder: Recorder,
        identity: Identity,
        config: Config,
        ready: Callable[[], tuple[bool, str]],
        panel: Panel,
    ) -> None:
        self._monitor = monitor
        self._recorder = recorder
        self._identity = identity
        self._config = config
        self._ready = ready
        self._panel = panel
        self._started = monitor.clock.monotonic()

    def build(self) -> Json:
        """The whole status, taken under the monitor's lock."""
        monitor = self._monitor
        with monitor.lock:
            ready, reason = self._ready()
            return {
                "now": monitor.clock.wall(),
                "forewarn": {
                    "version": __version__,
                    "schema": SCHEMA_VERSION,
                    "started": monitor.wall_of(self._started),
                },
                "engine": self._engine(),
                "identity": self._identity_json(),
                "ready": {"ready": ready, "reason": reason},
                "probes": probes_json(
                    self._panel, monitor.clock.wall(), self._config.optional("objectives.quality_score"), self._runbook
                ),
                "ranks": [self._rank(key) for key in monitor.ranks],
                "signals": signal_rows(monitor),
                "events": [{"time": e.time, "level": e.level, "text": e.text} for e in monitor.events],
            }

    def _engine(self) -> Json:
        monitor = self._monitor
        still = [monitor.stalled_since(rank) for rank in monitor.ranks.values()]
        stalled = min((since for since in still if since is not None), default=None) if monitor.fresh() else None
        state = monitor.state if stalled is None else "stalled"
        alert = _ALERT_OF_STATE.get(state)
        return {
            "url": self._config.text("engine.url"),
            "kind": self._config.text("engine.kind"),
            "version": monitor.version,
            "source": "plugin" if any(s.PLUGIN in rank.present for rank in monitor.ranks.values()) else "metrics",
            "up": monitor.fresh(),
            "state": state,
            "detail": monitor.detail if stalled is None else self._stall(),
            "since": monitor.wall_of(monitor.since if stalled is None else stalled),
            "alert": alert,
            "runbook": self._runbook(alert) if alert else None,
            "sample_age_seconds": monitor.sample_age(),
            "start_time": monitor.start_time,
            "poll": {
                "mode": "two-speed" if "fast" in monitor.intervals else "full-only",
                "fast_seconds": monitor.intervals.get("fast"),
                "full_seconds": monitor.intervals.get("full"),
            },
        }

    def _stall(self) -> str:
        """What says that the engine should advance."""
        waits = any(rank.progress.still_since() is not None for rank in self._monitor.ranks.values())
        return ("work is present" if waits else "a probe failed") + " and nothing advances"

    def _identity_json(self) -> Json:
        model = next((key.model for key in self._monitor.ranks), "")
        return {
            "deployment": self._identity.deployment or model,
            "version": self._identity.version,
            "track": self._identity.track,
            "model": model,
        }

    def _rank(self, key: RankKey) -> Json:
        values = self._recorder.values(key)
        return {
            "engine": key.engine,
            "model": key.model,
            "indicators": [self._indicator(key, indicator, values[indicator.id]) for indicator in INDICATORS],
        }

    def _indicator(self, key: RankKey, indicator: Indicator, value: float | None) -> Json:
        objective = indicator.objective
        bound = self._config.optional(objective) if isinstance(objective, str) and objective else objective
        bound = bound if isinstance(bound, float) else None
        return {
            "id": indicator.id,
            "signal": indicator.signal,
            "title": indicator.title,
            "unit": indicator.unit,
            "value": value,
            "objective": bound,
            "state": state(value, bound),
            "leading": indicator.leading,
            "exact": self._monitor.exact(indicator.signal),
            "series": indicator.series,
            "meaning": indicator.meaning,
            "first_step": indicator.first_step,
            "alert": indicator.alert,
            "runbook": self._runbook(indicator.alert),
            "missing_because": None if value is not None else self._why_missing(indicator.signal),
            "history": self._recorder.history(key, indicator.id),
        }

    def _runbook(self, alert: str) -> str:
        """Address of an alert's runbook; without a configured base the sidecar's own copy, relative to the page."""
        return f"{self._config.text('links.runbooks') or 'runbooks'}/{alert}.md"

    def _why_missing(self, signal: str) -> str:
        if not self._monitor.fresh():
            return "the engine does not answer"
        source = self._monitor.sources.get(signal)
        if source is not None and not source.series:
            return source.reason
        return "nothing to measure in the last minute"


def signal_rows(monitor: Monitor) -> list[Json]:
    """Every canonical signal: found, estimated or missing, from what, and what is blind without it."""
    rows: list[Json] = []
    for signal in s.SIGNALS:
        source = monitor.sources.get(signal.name)
        shown = monitor.available.get(signal.name, False)
        word = "missing" if not shown else "found" if source and source.exact else "estimated"
        rows.append(
            {
                "signal": signal.name,
                "state": word,
                "source": source.series if source and shown else "",
                "blind": signal.blind,
                "reason": source.reason if source else "no page seen yet",
                "core": signal.core,
                "optional": signal.optional,
            }
        )
    return rows
