"""Alert by alert: which of a pack's alerts came before the pain, which came first, and which were wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from lab.pain import Spell
from lab.run import OURS
from lab.scenario import Incident
from lab.score import PAGE, Episode, in_time, lead
from lab.summary import gradual

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.kept import Result


@dataclass(slots=True)
class Worth:
    """What one alert at one severity was worth; an incident counts where it begins in time to help.

    `leads` are seconds before the pain, one for each incident that comes by and by; `delays` seconds after the begin of
    the other ones. `first` are incidents of which it was the first page, `false` episodes that were about nothing.
    """

    alert: str
    severity: str
    leads: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    first: int = 0
    false: int = 0

    @property
    def ahead(self) -> int:
        """Incidents in which it came before the pain."""
        return sum(before > 0 for before in self.leads)

    @property
    def median_lead(self) -> float | None:
        """Of the incidents that come by and by, seconds; None without any."""
        return median(self.leads) if self.leads else None

    @property
    def median_delay(self) -> float | None:
        """Of the others, seconds; None without any."""
        return median(self.delays) if self.delays else None


def worths(results: Iterable[Result]) -> list[Worth]:
    """Every alert of ours that fired; first pages first, then those that come before the pain most often."""
    found: dict[tuple[str, str], Worth] = {}
    for run in results:
        episodes = [Episode(**episode) for episode in run["scores"][OURS]["episodes"]]
        for episode in episodes:
            key = episode.alert, episode.severity
            found.setdefault(key, Worth(*key)).false += not episode.true
        if run["incident"]:
            _count(found, run, [episode for episode in episodes if episode.true])
    return sorted(found.values(), key=lambda w: (-w.first, -w.ahead, -len(w.leads), w.alert, w.severity))


def _count(found: Mapping[tuple[str, str], Worth], run: Result, true: list[Episode]) -> None:
    """Add what the alerts were worth in one incident, each by the first time it began in time to help."""
    mine, incident = run["scores"][OURS], Incident(**run["incident"])
    main = None if mine["pain_at"] is None else Spell(mine["pain_at"], run["pain"][-1]["end"])
    starts: dict[tuple[str, str], float] = {}
    for episode in sorted(in_time(true, main, incident), key=lambda episode: episode.start):
        starts.setdefault((episode.alert, episode.severity), episode.start)
    for key, start in starts.items():
        found[key].first += key == (mine["first_page"], PAGE)
        if not gradual(run):
            found[key].delays.append(start - incident.at)
        elif (ahead := lead([start], main)) is not None:
            found[key].leads.append(ahead)
