"""Alert by alert: which of a pack's alerts came before the pain, which came first, and which were wrong."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from lab.pain import Spell
from lab.run import OURS
from lab.scenario import Incident
from lab.score import NEAR_SECONDS, PAGE, Episode, in_time
from lab.summary import gradual

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        return sum(lead > 0 for lead in self.leads)

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
        mine = run["scores"][OURS]
        episodes = [Episode(**episode) for episode in mine["episodes"]]
        starts = _starts(run, episodes)
        for key in {(episode.alert, episode.severity) for episode in episodes}:
            worth = found.setdefault(key, Worth(*key))
            worth.false += sum((e.alert, e.severity) == key and not e.true for e in episodes)
            if key in starts:
                worth.first += key == (mine["first_page"], PAGE)
                _count(worth, run, starts[key])
    return sorted(found.values(), key=lambda w: (-w.first, -w.ahead, -len(w.leads), w.alert, w.severity))


def _starts(run: Result, episodes: list[Episode]) -> dict[tuple[str, str], float]:
    """(alert, severity) → when it first began in time to help."""
    incident = Incident(**run["incident"]) if run["incident"] else None
    begin = run["scores"][OURS]["pain_at"]
    main = None if begin is None else Spell(begin, run["pain"][-1]["end"])
    begins: dict[tuple[str, str], list[float]] = defaultdict(list)
    for episode in in_time([episode for episode in episodes if episode.true], main, incident):
        begins[episode.alert, episode.severity].append(episode.start)
    return {key: min(starts) for key, starts in begins.items()}


def _count(worth: Worth, run: Result, start: float) -> None:
    if gradual(run):
        worth.leads.append(min(run["scores"][OURS]["pain_at"] - start, NEAR_SECONDS))
    else:
        worth.delays.append(start - run["incident"]["at"])
