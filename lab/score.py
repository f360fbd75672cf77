"""What a pack's alerts are worth on one run: lead, detection, recall, false alarms, reset.

A page is an alert of severity critical, a ticket one of severity warning. Firings of one alert on several replicas are
one episode, as Alertmanager groups them; so are firings less than five minutes apart. An episode is true when there is
pain within 30 minutes of its begin, before or after, or when it begins within a silent incident; others are false, and
so is one that began before the incident whose pain it meets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.judge import Firing
    from lab.pain import Spell
    from lab.scenario import Incident

NEAR_SECONDS = 1800.0
MERGE_SECONDS = 300.0
PAGE, TICKET = "critical", "warning"
BURN_RATE = {"LLMTTFTBudgetBurn", "LLMTPOTBudgetBurn"}


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert as a person on call hears of it, in seconds of the scenario; `true` when it was about something."""

    alert: str
    severity: str
    start: float
    end: float
    true: bool


@dataclass(frozen=True, slots=True)
class Score:
    """One pack on one run; times in seconds, None where there is no such thing.

    `lead` is from the first true page to the begin of the pain (negative: too late), `any_lead` the same for pages and
    tickets, `burn_lead` for the 14.4×1h burn-rate page of the pack. `detection` is from the begin of a step fault or a
    silent incident to the first page (any alert if silent). `reset` is from the pain's end to that of the last page.
    """

    pain_at: float | None
    lead: float | None
    any_lead: float | None
    burn_lead: float | None
    detection: float | None
    found: bool | None
    reset: float | None
    first_page: str
    true_pages: int
    false_pages: int
    false_tickets: int
    episodes: tuple[Episode, ...]


def score(firings: Iterable[Firing], alerts: set[str], pain: Sequence[Spell], incident: Incident | None) -> Score:
    """Score the firings of a pack's `alerts`."""
    mine = sorted(firing for firing in firings if firing.alert in alerts)
    episodes = _episodes(mine, pain, incident)
    true = [episode for episode in episodes if episode.true]
    pages = [episode for episode in true if episode.severity == PAGE]
    main = _main(pain, incident)
    burn = [f.start for f in mine if f.alert in BURN_RATE and ("window", "1h") in f.labels]
    timely = in_time(pages, main, incident)
    heard = in_time([e for e in true if e.severity in (PAGE, TICKET)], main, incident)
    first = min(timely, key=lambda episode: episode.start, default=None)
    return Score(
        pain_at=main.start if main else None,
        lead=lead((episode.start for episode in timely), main),
        any_lead=lead((episode.start for episode in heard), main),
        burn_lead=lead((start for start in burn if main and start <= main.end + NEAR_SECONDS), main),
        detection=_detection(timely, heard, incident),
        found=_found(timely, heard, incident),
        reset=max(e.end for e in pages) - pain[-1].end if pages and pain else None,
        first_page=first.alert if first else "",
        true_pages=len(pages),
        false_pages=sum(e.severity == PAGE and not e.true for e in episodes),
        false_tickets=sum(e.severity == TICKET and not e.true for e in episodes),
        episodes=tuple(episodes),
    )


def _episodes(firings: Sequence[Firing], pain: Sequence[Spell], incident: Incident | None) -> list[Episode]:
    found: list[Episode] = []
    for alert, severity in sorted({(firing.alert, firing.severity) for firing in firings}):
        start = end = -1.0
        for firing in firings:
            if (firing.alert, firing.severity) != (alert, severity):
                continue
            if start >= 0.0 and firing.start <= end + MERGE_SECONDS:
                end = max(end, firing.end)
                continue
            if start >= 0.0:
                found.append(Episode(alert, severity, start, end, _true(start, pain, incident)))
            start, end = firing.start, firing.end
        found.append(Episode(alert, severity, start, end, _true(start, pain, incident)))
    return sorted(found, key=lambda episode: episode.start)


def _true(start: float, pain: Sequence[Spell], incident: Incident | None) -> bool:
    if incident and incident.silent and incident.at <= start:
        return True
    # An alert from before the incident foresaw nothing, however soon the pain followed.
    seen = [spell for spell in pain if incident is None or start >= incident.at or spell.start < incident.at]
    return any(spell.start - NEAR_SECONDS <= start <= spell.end + NEAR_SECONDS for spell in seen)


def _main(pain: Sequence[Spell], incident: Incident | None) -> Spell | None:
    """The pain of the incident: the first spell after its begin, up to the end of the last."""
    after = [spell for spell in pain if incident and spell.end >= incident.at]
    return type(after[0])(after[0].start, after[-1].end) if after else None


def in_time(episodes: list[Episode], main: Spell | None, incident: Incident | None) -> list[Episode]:
    """Those that could have helped: at work when the pain began or begun while it lasted."""
    if incident is None:
        return []
    if main is None or incident.silent:
        return [episode for episode in episodes if episode.start >= incident.at]
    return [e for e in episodes if incident.at <= e.start <= main.end and e.end >= main.start - NEAR_SECONDS]


def lead(starts: Iterable[float], main: Spell | None) -> float | None:
    """Seconds from the first of `starts` to the pain, at most half an hour: earlier is luck, not foresight."""
    first = min(starts, default=None)
    return None if first is None or main is None else min(main.start - first, NEAR_SECONDS)


def _detection(pages: list[Episode], heard: list[Episode], incident: Incident | None) -> float | None:
    if incident is None or not (incident.step or incident.silent):
        return None
    starts = [e.start for e in (heard if incident.silent else pages) if e.start >= incident.at]
    return min(starts) - incident.at if starts else None


def _found(pages: list[Episode], heard: list[Episode], incident: Incident | None) -> bool | None:
    """Whether the incident was found at all: None on a quiet day."""
    if incident is None:
        return None
    if incident.silent:
        return any(incident.at <= e.start <= incident.at + incident.within for e in heard)
    return bool(pages)
