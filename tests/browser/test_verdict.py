"""The verdict: one sentence, what to do first, where to read on."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from . import scenes

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Visit

pytestmark = pytest.mark.browser

ENGINE = "engine"
VERDICTS = [
    (scenes.calm(), "ok", "All quiet"),
    (scenes.incident(), "over", "2 signals past their objective: queue pressure, KV cache usage"),
    (scenes.close(), "near", "1 signal near its objective: KV cache usage"),
    (scenes.down(), "over", "Engine unreachable for 2\u00a0min"),
    (scenes.starting(), "unknown", "Nothing to judge yet: waiting for the engine"),
    (scenes.blind(), "unknown", "Quiet, but blind to KV cache usage"),
    (scenes.status([]), "unknown", "Nothing to judge yet: no indicator has a value"),
    (scenes.without_objectives(), "unknown", "Nothing to judge yet: no indicator has a value and an objective"),
    (scenes.many_ranks(8), "over", "1 signal past its objective on rank\u00a05: queue pressure"),
    (scenes.two_models(), "over", "1 signal past its objective on code-8b · rank\u00a00: queue pressure"),
    (scenes.many_ranks(2, (0, 1)), "over", "1 signal past its objective on 2 of 2 ranks: queue pressure"),
    (
        scenes.calm() | {ENGINE: scenes.engine("slow", since=scenes.NOW - 40)},
        "near",
        "Engine slow to answer for 40\u00a0s",
    ),
    (
        scenes.incident() | {ENGINE: scenes.engine("slow", since=scenes.NOW - 40)},
        "over",
        "Engine slow to answer for 40\u00a0s",
    ),
    (
        scenes.calm() | {ENGINE: scenes.engine("stalled", since=scenes.NOW - 3700)},
        "over",
        "Engine stalled: nothing advances for 1\u00a0h 1\u00a0min",
    ),
    (
        scenes.calm() | {ENGINE: scenes.engine("bad_page", since=scenes.NOW - 5)},
        "over",
        "Engine metrics unreadable for 5\u00a0s",
    ),
    (
        scenes.calm() | {ENGINE: scenes.engine("no_series", since=scenes.NOW - 60)},
        "over",
        "Engine answers without vLLM metrics for 1\u00a0min",
    ),
]


@pytest.mark.parametrize(("scene", "tone", "headline"), VERDICTS, ids=[row[2] for row in VERDICTS])
def test_each_situation_has_its_verdict(
    visit: Callable[..., Visit],
    scene: scenes.Scene,
    tone: str,
    headline: str,
) -> None:
    """The headline, its tone and the window's title say the situation."""
    page = visit(scene).page
    expect(page.locator("h1")).to_have_text(headline)
    expect(page.locator("#verdict")).to_have_attribute("data-tone", tone)
    without_duration = page.locator("#headline").inner_text().replace("\u00a0", " ")
    assert page.title()[2:].replace("\u00a0", " ") == f"{without_duration} · chat"


def test_first_step_and_runbook_are_those_of_the_earliest_signal(visit: Callable[..., Visit]) -> None:
    """With several signals past their objective the one with most lead says what to do."""
    page = visit(scenes.incident()).page
    expect(page.locator("#verdict-first")).to_have_text("Do first: Scale out, or shed the lowest-priority traffic now.")
    link = page.locator("#verdict-runbook a")
    expect(link).to_have_text("Runbook: LLMQueueGrowing")
    expect(link).to_have_attribute("href", f"{scenes.RUNBOOKS}LLMQueueGrowing.md")


def test_calm_shows_no_step_and_no_pill(visit: Callable[..., Visit]) -> None:
    """Nothing to do means nothing that looks like a task."""
    page = visit(scenes.calm()).page
    expect(page.locator("#verdict-note")).to_have_text("8 indicators judged, none past its objective.")
    expect(page.locator("#verdict-first")).to_be_hidden()
    expect(page.locator("#pills")).to_be_hidden()


def test_engine_detail_address_and_start_of_the_state_are_named(visit: Callable[..., Visit]) -> None:
    """An unreachable engine comes with the error, its address and since when."""
    page = visit(scenes.down()).page
    expect(page.locator("#verdict-note")).to_have_text("connection refused · http://127.0.0.1:8000 · since 14:11:10")


def test_blindness_says_why(visit: Callable[..., Visit]) -> None:
    """A leading indicator that lacks its signal is named with the reason."""
    page = visit(scenes.blind()).page
    expect(page.locator("#verdict-note")).to_have_text("No series under any known name.")


def test_idle_engine_without_missing_signals_is_quiet(visit: Callable[..., Visit]) -> None:
    """A mean without requests is absent, not a blind spot."""
    ranks = [scenes.indicators({"queue_time_mean": []}, "nothing to measure in the last minute")]
    expect(visit(scenes.status(ranks)).page.locator("h1")).to_have_text("All quiet")


def test_a_replica_that_takes_no_traffic_says_so(visit: Callable[..., Visit]) -> None:
    """Calm signals on a replica that is not ready carry the reason beside the verdict."""
    scene = scenes.calm() | {"ready": {"ready": False, "reason": "warm-up 2 of 6"}}
    expect(visit(scene).page.locator("#verdict-note")).to_contain_text("Not ready for traffic: warm-up 2 of 6.")


def test_pill_leads_to_its_card(visit: Callable[..., Visit]) -> None:
    """A pill carries the value and moves the keyboard to the card, on whichever rank it is."""
    page = visit(scenes.many_ranks(8, (2, 5))).page
    pill = page.get_by_role("link", name="Rank 5 · Queue pressure 1.84×")
    pill.press("Enter")
    expect(page.locator("#card-5-queue_pressure")).to_be_focused()


def test_favicon_follows_the_verdict(visit: Callable[..., Visit]) -> None:
    """Each tone has its own picture in the browser's tab."""
    made = visit(scenes.calm())
    icons = set()
    for scene, tone in ((scenes.calm(), "ok"), (scenes.close(), "near"), (scenes.down(), "over"), (None, "gone")):
        if scene is None:
            made.origin.code = HTTPStatus.BAD_GATEWAY
        else:
            made.origin.show(scene)
        made.poll()
        expect(made.page.locator("#verdict")).to_have_attribute("data-tone", tone)
        icons.add(made.page.locator("#favicon").get_attribute("href"))
    assert len(icons) == len(("ok", "near", "over", "gone"))
    assert all(icon is not None and icon.startswith("data:image/svg+xml") for icon in icons)


def test_headline_is_spoken_once_while_its_duration_ticks(visit: Callable[..., Visit]) -> None:
    """The live region is polite, and an update that changes only the duration changes nothing it reads out."""
    made = visit(scenes.down())
    region = made.page.locator("[aria-live=polite]")
    expect(region.locator("h1")).to_have_count(1)
    expect(made.page.locator("#headline-duration")).to_have_attribute("aria-hidden", "true")
    made.page.evaluate("""() => {
      window.spoken = 0;
      const watch = new MutationObserver((found) => { window.spoken += found.length; });
      watch.observe(document.getElementById("headline"), { childList: true, characterData: true, subtree: true });
    }""")
    later = scenes.down() | {"now": scenes.NOW + 60}
    made.origin.show(later)
    made.poll()
    expect(made.page.locator("h1")).to_have_text("Engine unreachable for 3\u00a0min")
    assert made.page.evaluate("window.spoken") == 0
