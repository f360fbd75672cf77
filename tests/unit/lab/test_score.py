"""What alerts are worth."""

from __future__ import annotations

import pytest

from lab.judge import Firing
from lab.pain import Spell
from lab.scenario import Incident
from lab.score import Score, score

PAIN = (Spell(3000.0, 3600.0),)
RAMP = Incident("ramp", at=2400.0)
FAULT = Incident("wedge", at=3000.0, step=True)
SILENT = Incident("rename", at=3000.0, silent=True, within=900.0)


def _firing(start: float, end: float = 4000.0, alert: str = "A", severity: str = "critical", **labels: str) -> Firing:
    return Firing(start, end, alert, severity, tuple(sorted({"alertname": alert, **labels}.items())))


def _score(*firings: Firing, incident: Incident | None = RAMP, pain: tuple[Spell, ...] = PAIN) -> Score:
    return score(firings, {"A", "B", "LLMTTFTBudgetBurn"}, pain, incident)


def test_the_lead_is_from_the_first_page_to_the_pain() -> None:
    """Tickets lead apart; the reset is from the pain's end to that of the last page."""
    found = _score(_firing(2700.0, 3900.0), _firing(2500.0, severity="warning", alert="B"))
    assert (found.lead, found.any_lead, found.reset, found.first_page) == (300.0, 500.0, 300.0, "A")
    assert (found.true_pages, found.false_pages, found.false_tickets, found.found) == (1, 0, 0, True)


def test_a_page_in_the_pain_is_late_and_one_after_it_found_nothing() -> None:
    """Negative and none; both are true, as there was pain."""
    assert _score(_firing(3200.0)).lead == -200.0
    after = _score(_firing(3700.0))
    assert (after.lead, after.found, after.true_pages, after.false_pages) == (None, False, 1, 0)


def test_a_page_before_the_incident_is_false() -> None:
    """However soon the pain follows: it was luck."""
    found = _score(_firing(2300.0))
    assert (found.lead, found.found, found.false_pages) == (None, False, 1)


def test_a_page_without_pain_within_half_an_hour_is_false() -> None:
    """On a quiet day every page is."""
    assert _score(_firing(100.0, 200.0), incident=None).false_pages == 1
    assert _score(_firing(1300.0, 1400.0), incident=None).false_pages == 0
    assert _score(_firing(5300.0, 5400.0), incident=None).true_pages == 1
    assert _score(_firing(100.0, 200.0), incident=None, pain=()).found is None


def test_firings_on_several_replicas_or_close_together_are_one_episode() -> None:
    """As a person on call hears of them."""
    same = [_firing(2700.0, 2800.0, instance="a"), _firing(2750.0, 2900.0, instance="b"), _firing(3100.0, 3200.0)]
    assert [(e.start, e.end) for e in _score(*same).episodes] == [(2700.0, 3200.0)]
    apart = [*same, _firing(3600.0, 3700.0), _firing(2700.0, 2800.0, severity="warning")]
    assert len(_score(*apart).episodes) == 3


def test_alerts_of_other_packs_do_not_count() -> None:
    """Several packs are judged in one run."""
    assert _score(_firing(2700.0, alert="C")).episodes == ()


def test_the_burn_rate_page_is_told_by_its_window() -> None:
    """Only the 14.4×1h page; the fast path and the slow ones are other alerts."""
    burn = _firing(3300.0, alert="LLMTTFTBudgetBurn", window="1h")
    fast = _firing(3100.0, alert="LLMTTFTBudgetBurn", window="fast", severity="warning")
    assert _score(burn, fast).burn_lead == -300.0
    assert _score(fast).burn_lead is None


@pytest.mark.parametrize(
    ("incident", "severity", "start", "detection", "found"),
    [
        (FAULT, "critical", 3030.0, 30.0, True),
        (FAULT, "warning", 3030.0, None, False),
        (SILENT, "warning", 3600.0, 600.0, True),
        (SILENT, "info", 3600.0, None, False),
        (SILENT, "warning", 4000.0, 1000.0, False),
        (RAMP, "critical", 3030.0, None, True),
    ],
)
def test_step_faults_want_a_page_and_silent_ones_any_alert_in_time(
    incident: Incident, severity: str, start: float, detection: float | None, *, found: bool
) -> None:
    """Detection counts from the fault."""
    # A short pain of the fault itself (a restart on the way) does not end the search for a silent one.
    for pain in ((), (Spell(3000.0, 3060.0),)) if incident is SILENT else (PAIN,):
        result = _score(_firing(start, 5000.0, severity=severity), incident=incident, pain=pain)
        assert (result.detection, result.found) == (detection, found)
