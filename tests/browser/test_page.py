"""The page as a whole: it updates itself, admits lost contact, fits screens, and lets nothing hostile in."""

from __future__ import annotations

import shutil
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect

from . import scenes
from .chromium import ChromiumMissingError, chromium
from .kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Visit

pytestmark = pytest.mark.browser

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SCENES = {
    "calm": scenes.calm,
    "incident": scenes.incident,
    "close": scenes.close,
    "down": scenes.down,
    "starting": scenes.starting,
    "blind": scenes.blind,
    "ranks": scenes.many_ranks,
    "models": scenes.two_models,
    "hostile": scenes.hostile,
}

# Every visible text against the ground it stands on, by the WCAG 2.1 formulas (success criterion 1.4.3).
WEAK_CONTRASTS = """() => {
  const parse = (text) => text.match(/[0-9.]+/g).map(Number);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest("noscript")) continue;
    const style = getComputedStyle(node);
    const [a, b] = [luminance(parse(style.color).slice(0, 3)), luminance(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) weak.push(`${ratio.toFixed(2)} ${node.className} ${node.textContent.slice(0, 30)}`);
  }
  return weak;
}"""


def test_page_updates_itself(visit: Callable[..., Visit]) -> None:
    """When the sidecar's answer changes the page follows by its next poll."""
    made = visit(scenes.calm())
    made.origin.show(scenes.incident())
    made.poll()
    expect(made.page.locator("h1")).to_have_text("2 signals past their objective: queue pressure, KV cache usage")
    expect(made.page.locator("#card-0-queue_pressure .value")).to_have_text("1.84")


def test_idle_update_keeps_focus_and_nodes(visit: Callable[..., Visit]) -> None:
    """An update rebuilds nothing under the reader's keyboard."""
    made = visit(scenes.calm())
    link = made.page.locator("#card-0-ttft_p99 .links a")
    link.focus()
    made.origin.show(scenes.incident())
    made.poll()
    expect(made.page.locator("#verdict")).to_have_attribute("data-tone", "over")
    expect(link).to_be_focused()


@pytest.mark.parametrize("mid_request", [False, True])
def test_hidden_tab_stops_asking(visit: Callable[..., Visit], mid_request: bool) -> None:  # noqa: FBT001  a parameter
    """A tab nobody sees asks nothing, also when it is hidden between question and answer; seen again, it asks."""
    made = visit(scenes.calm())
    made.page.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })")
    if mid_request:
        made.poll()
        expect(made.page.locator("#live")).to_have_text("Live")
    else:
        made.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    settled = "fetch('static/favicon.svg').then((answer) => answer.text())"
    made.page.evaluate(settled)
    asked = made.asked()
    made.page.clock.run_for(60_000)
    made.page.evaluate(settled)
    assert made.asked() == asked
    with made.page.expect_request("**/api/status"):
        made.page.evaluate(
            "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))",
        )


def test_sidecar_gone_is_said_and_values_stay_grey(visit: Callable[..., Visit]) -> None:
    """Without an answer the page says so and since when, and keeps the last values without their colours."""
    made = visit(scenes.incident())
    made.origin.stop()
    made.page.clock.run_for(130_000)
    expect(made.page.locator("#headline")).to_have_text("No contact with forewarn")
    expect(made.page.locator("#headline-duration")).to_have_text(" for 2\u00a0min")
    expect(made.page.locator("#verdict-note")).to_contain_text("It does not answer · since ")
    expect(made.page.locator("#verdict-note")).to_contain_text("The values below are from ")
    expect(made.page.locator("#verdict")).to_have_attribute("data-tone", "gone")
    expect(made.page.locator("#live")).to_have_text("Not live")
    expect(made.page.locator("#card-0-queue_pressure .value")).to_have_text("1.84")
    expect(made.page.locator("#indicators")).to_have_css("filter", "grayscale(1)")


@pytest.mark.parametrize(
    ("code", "body", "reason"),
    [
        (HTTPStatus.INTERNAL_SERVER_ERROR, b"oops", "It answers with HTTP 500"),
        (HTTPStatus.OK, b"<html>", "Its answer is not JSON"),
        (HTTPStatus.OK, b"{}", "Its answer makes no sense to this page"),
    ],
)
def test_bad_answer_is_lost_contact_until_a_good_one(
    visit: Callable[..., Visit],
    code: HTTPStatus,
    body: bytes,
    reason: str,
) -> None:
    """An error, a stranger's page or an empty object is named, and the next good answer ends it."""
    made = visit(scenes.calm())
    made.origin.code, made.origin.body = code, body
    made.poll()
    expect(made.page.locator("#verdict-note")).to_contain_text(reason)
    made.origin.code = HTTPStatus.OK
    made.origin.show(scenes.calm())
    made.poll()
    expect(made.page.locator("h1")).to_have_text("All quiet")
    expect(made.page.locator("#live")).to_have_text("Live")


def test_page_works_behind_a_path_prefix(visit: Callable[..., Visit]) -> None:
    """Every address on the page is relative, so a proxy may serve it under any path."""
    made = visit(scenes.calm(), prefix="/replica-3/forewarn")
    expect(made.page.locator("h1")).to_have_text("All quiet")
    assert {url.removeprefix(made.origin.url) for url in made.requested} >= {"static/status.js", "api/status"}


def test_dark_and_light_differ(visit: Callable[..., Visit]) -> None:
    """The page follows the reader's colour scheme."""
    shades = {
        scheme: visit(scenes.calm(), scheme=scheme).page.evaluate(
            "[document.body, ...document.querySelectorAll('.card, #verdict')]"
            ".map((node) => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color])",
        )
        for scheme in SCHEMES
    }
    assert all(light != dark for light, dark in zip(shades["light"], shades["dark"], strict=True))


@pytest.mark.parametrize("name", SCENES)
def test_text_has_enough_contrast(visit: Callable[..., Visit], name: str) -> None:
    """Every text meets WCAG AA on its ground in both schemes, and still does after contact is lost."""
    made = visit(SCENES[name](), motion="reduce")
    for live in ("Live", "Not live"):
        expect(made.page.locator("#live")).to_have_text(live)
        for scheme in SCHEMES:
            made.page.emulate_media(color_scheme=scheme)
            assert made.page.evaluate(WEAK_CONTRASTS) == []
        made.origin.code = HTTPStatus.BAD_GATEWAY
        made.poll()


@pytest.mark.parametrize("name", SCENES)
def test_nothing_scrolls_sideways(visit: Callable[..., Visit], name: str) -> None:
    """No scene, not even one of hostile words, is wider than a phone, a tablet or a desk's screen."""
    page = visit(SCENES[name]()).page
    for width in (1280, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_text_stays_text(visit: Callable[..., Visit]) -> None:
    """Markup in any name is shown as written, runs nothing, and a script address never becomes a link."""
    page = visit(scenes.hostile()).page
    expect(page.locator("#identity strong")).to_have_text(scenes.HOSTILE)
    expect(page.locator("h3").first).to_have_text(scenes.HOSTILE)
    assert page.evaluate("window.pwned") is None
    assert page.locator("main img, main script, a[href^='javascript:']").count() == 0


def test_keyboard_order_is_reading_order(visit: Callable[..., Visit]) -> None:
    """Tab goes from the runbook of the verdict over its pills and the tabs to the cards and the foot."""
    page = visit(scenes.many_ranks()).page
    stops: list[str] = []
    while len(stops) < 50:
        page.keyboard.press("Tab")
        stop = page.evaluate("document.activeElement === document.body ? '' : document.activeElement.innerText")
        if not stop:
            break
        stops.append(" ".join(stop.split()))
    runbooks = [f"Runbook: {kind.alert}" for kind in KINDS]
    assert stops == [
        "Runbook: LLMQueueGrowing",
        "Rank 5 · Queue pressure 1.84×",
        "Rank 5 Past",
        *runbooks,
        "Signals 8 found, 1 estimated, 1 not offered",
        "All metrics",
        "Health",
        "Readiness",
        "Planner",
    ]


def test_landmarks_and_headings(visit: Callable[..., Visit]) -> None:
    """A screen reader finds the page's parts, one first heading, and named groups."""
    page = visit(scenes.many_ranks()).page
    page.locator("#signals summary").press("Enter")
    for role in ("banner", "main", "contentinfo", "tablist", "tabpanel", "table"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("region", name="Leading indicators: before users feel it")).to_have_count(1)
    expect(page.get_by_role("article", name="KV cache usage")).to_have_count(1)


@pytest.mark.parametrize(("motion", "animation"), [("reduce", "none"), ("no-preference", "breathe")])
def test_motion_is_a_choice(
    visit: Callable[..., Visit],
    motion: Literal["reduce", "no-preference"],
    animation: str,
) -> None:
    """The one thing that moves stands still for readers who ask for it."""
    page = visit(scenes.calm(), motion=motion).page
    style = "getComputedStyle(document.getElementById('live'), '::before').animationName"
    assert page.evaluate(style) == animation


def test_missing_browser_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Chromium the suite fails with the command that helps; it does not skip."""
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(ChromiumMissingError, match="apt-get install chromium"), chromium():
        pass
