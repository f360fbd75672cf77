"""Which signal passes its objective when, and how far ahead of latency."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tools.demo.processes import Say

_RATE = "[20s]"
ROW_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A signal on the timeline: `query` gives its value, `objective` the bound it must not pass."""

    name: str
    query: str
    objective: str
    form: str
    leading: bool = True


def _p99(metric: str) -> str:
    return f"histogram_quantile(0.99, sum by (le) (rate({metric}_bucket{_RATE})))"


WATCHED: tuple[Watched, ...] = (
    Watched(
        "queue pressure", "max(llm_queue_pressure_peak_ratio)", "max(llm_objective_queue_pressure_ratio)", "{:.1f}"
    ),
    Watched(
        "KV-cache usage", "max(llm_kv_cache_usage_peak_ratio)", "max(llm_objective_kv_cache_usage_ratio)", "{:.0%}"
    ),
    Watched("preemptions/s", f"sum(rate(llm_preemptions_total{_RATE}))", "vector(0)", "{:.1f}"),
    Watched("TTFT p99", _p99("llm_time_to_first_token_seconds"), "max(llm_objective_ttft_seconds)", "{:.2f} s", False),
    Watched(
        "TPOT p99", _p99("llm_time_per_output_token_seconds"), "max(llm_objective_tpot_seconds)", "{:.3f} s", False
    ),
)


@dataclass(slots=True)
class Timeline:
    """Follows the watched signals; times are seconds since the demo's start."""

    ask: Callable[[str], float | None]
    firing: Callable[[], set[str]]
    say: Say
    crossed: dict[str, float] = field(default_factory=dict)
    fired: dict[str, float] = field(default_factory=dict)
    _over: dict[str, bool] = field(default_factory=dict)
    _firing: set[str] = field(default_factory=set)
    _next_row: float = 0.0

    def tick(self, now: float) -> None:
        """Ask for every signal once, print crossings, and a row of values from time to time."""
        values = {watched.name: self.ask(watched.query) for watched in WATCHED}
        for watched in WATCHED:
            self._cross(now, watched, values[watched.name])
        self._alerts(now)
        if now >= self._next_row:
            self._next_row = now + ROW_SECONDS
            self.say(f"  {clock(now)}  " + "  ".join(self._cell(w, values) for w in WATCHED))

    def _alerts(self, now: float) -> None:
        firing = self.firing()
        for name in sorted(firing - self._firing):
            self.fired.setdefault(name, now)
            self.say(f"● {clock(now)}  alert {name} fires")
        for name in sorted(self._firing - firing):
            self.say(f"○ {clock(now)}  alert {name} is resolved")
        self._firing = firing

    def pain(self) -> float | None:
        """When latency first passed its budget; None if it never did."""
        return min((self.crossed[w.name] for w in WATCHED if not w.leading and w.name in self.crossed), default=None)

    def leads(self) -> dict[str, float]:
        """Seconds by which each leading signal passed its objective before latency did; empty if none did."""
        pain = self.pain()
        if pain is None:
            return {}
        return {w.name: pain - self.crossed[w.name] for w in WATCHED if w.leading and w.name in self.crossed}

    def summary(self) -> list[str]:
        """What the incident showed, in words."""
        leads = self.leads()
        if not leads:
            return ["latency stayed within its budget while the demo watched"]
        first = max(leads, key=lambda name: leads[name])
        lines = [f"{name} passed its objective {_ahead(lead)}" for name, lead in leads.items()]
        pain = self.pain() or 0.0
        lines += [f"alert {name} fired {_ahead(pain - at)}" for name, at in self.fired.items()]
        if any(at > pain for at in self.fired.values()):
            lines.append(_TOO_SHORT)
        return [*lines, f"the first sign was {first}, {leads[first]:.0f} s ahead"]

    def _cross(self, now: float, watched: Watched, value: float | None) -> None:
        bound = self.ask(watched.objective)
        if value is None or bound is None:
            return
        over = value > bound
        if over and not self._over.get(watched.name, False):
            self.crossed.setdefault(watched.name, now)
            kind = "leading" if watched.leading else "USERS FEEL IT"
            shown = watched.form.format(value)
            self.say(f"▲ {clock(now)}  {watched.name} {shown} passes {watched.form.format(bound)}  ({kind})")
        elif not over and self._over.get(watched.name, False):
            self.say(f"▽ {clock(now)}  {watched.name} is back at {watched.form.format(value)}")
        self._over[watched.name] = over

    def _cell(self, watched: Watched, values: Mapping[str, float | None]) -> str:
        value = values[watched.name]
        return f"{watched.name} {'–' if value is None else watched.form.format(value)}"


_TOO_SHORT = (
    "this overload takes a minute to hurt, and alerts look at two to five:"
    " lab/results.md has their lead on incidents of real length"
)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _ahead(lead: float) -> str:
    return f"{lead:.0f} s before latency did" if lead >= 0 else f"{-lead:.0f} s after latency did"
