"""Indicator cards, sparklines, ranks and the evidence below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from . import scenes
from .kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from .conftest import Visit

pytestmark = pytest.mark.browser

KV = "#card-0-kv_cache_usage"
QUANTITIES = [
    (0, "ratio", "0 ×"),
    (0.42, "ratio", "0.42 ×"),
    (0.004, "ratio", "<0.01 ×"),
    (14.4, "ratio", "14.4 ×"),
    (0.853, "percent", "85 %"),
    (0.0041, "percent", "0.4 %"),
    (0.0004, "percent", "<0.1 %"),
    (1, "percent", "100 %"),
    (0, "percent", "0 %"),
    (0.034, "seconds", "34 ms"),
    (0.0002, "seconds", "0.20 ms"),
    (1.1, "seconds", "1.10 s"),
    (125, "seconds", "125 s"),
    (1, "requests", "1 request"),
    (1234, "requests", "1,234 requests"),
    (0.09, "per_second", "0.09 /s"),
    (0.83, "usd_per_million_tokens", "$0.83 per 1M tokens"),
    (3, "widgets", "3.00 widgets"),
]


def test_cards_stand_in_order_of_lead(visit: Callable[..., Visit]) -> None:
    """The API's order holds, leading indicators before what users feel."""
    page = visit(scenes.calm()).page
    assert page.locator("h3").all_inner_texts() == [kind.title for kind in KINDS]
    assert page.locator("#indicators h2").all_inner_texts() == [
        "Leading indicators: before users feel it",
        "What users feel",
    ]


def test_values_are_written_for_people(visit: Callable[..., Visit]) -> None:
    """Each unit has its notation; a tiny value is never rounded to zero."""
    pairs = visit(scenes.calm()).page.evaluate(
        "async (all) => { const { quantity } = await import('/static/format.js');"
        " return all.map(([value, unit]) => quantity(value, unit).join(' ')); }",
        [[value, unit] for value, unit, _ in QUANTITIES],
    )
    assert pairs == [written for _, _, written in QUANTITIES]


def test_state_is_a_word_and_a_shape(visit: Callable[..., Visit]) -> None:
    """Without any colour the three states still differ, in their word and in their outline."""
    page = visit(scenes.incident()).page
    outlines = {}
    for id_ in ("queue_pressure", "ttft_p99", "preemption_rate"):
        state = page.locator(f"#card-0-{id_} .state")
        outlines[state.inner_text()] = state.locator(".mark-solid").get_attribute("d")
    assert set(outlines) == {"Past objective", "OK", "Near objective"}
    assert len(set(outlines.values())) == len(outlines)


def test_value_without_objective_is_not_called_ok(visit: Callable[..., Visit]) -> None:
    """Fifty-nine waiting requests without an objective are shown, but neither praised nor counted as judged."""
    page = visit(scenes.incident()).page
    expect(page.locator("#card-0-requests_waiting .state")).to_have_text("Not judged")
    expect(page.locator("#card-0-requests_waiting .mark-solid")).to_have_count(0)


def test_absent_samples_leave_a_gap(visit: Callable[..., Visit]) -> None:
    """Nulls break the line in two, shade the hole, and are never drawn as zero."""
    page = visit(scenes.calm()).page
    line = page.locator(f"{KV} path.spark-line:not(.spark-past)").get_attribute("d") or ""
    assert line.count("M") == 2
    points = [tuple(map(float, pair.split())) for pair in line.replace("M", "L").split("L")[1:]]
    assert len(points) == scenes.POINTS - 12
    assert max(y for _, y in points) < 50, "the floor of the picture is at 57; 41 % stays well above it"
    assert page.locator(f"{KV} .spark-gaps rect").count() == 1
    expect(page.locator(f"{KV} svg[role=img]")).to_have_attribute(
        "aria-label",
        "KV cache usage, last 10 minutes: from 31\u00a0% to 52\u00a0%; no data in 12 of 120 samples",
    )
    whole = page.locator("#card-0-queue_pressure path.spark-line:not(.spark-past)").get_attribute("d") or ""
    assert whole.count("M") == 1


def test_line_on_its_objective_is_not_past_it(visit: Callable[..., Visit]) -> None:
    """Only what lies above the objective is drawn as past it: nothing of a flat zero whose objective is zero."""
    flat = [scenes.indicator(kind, [0.0] * scenes.POINTS) | {"objective": 0.0} for kind in KINDS[:1]]
    page = visit(scenes.status([flat])).page
    height = float(page.locator("#card-0-queue_pressure clipPath rect").get_attribute("height") or "nan")
    line = page.locator("#card-0-queue_pressure path.spark-past").get_attribute("d") or ""
    level = {float(pair.split()[1]) for pair in line.replace("M", "L").split("L")[1:]}
    assert level == {57.0}
    assert height - 3 < 57 - 1.5, "the clip starts 3 above the picture; half a line is 1.5"


def test_one_lonely_sample_is_visible(visit: Callable[..., Visit]) -> None:
    """A value between two gaps is drawn as a dot, not lost."""
    values = scenes.gap(scenes.gap(scenes.steady(0.41), 0, 60), 61, scenes.POINTS)
    page = visit(scenes.status([scenes.indicators({"kv_cache_usage": values})])).page
    box = page.locator(f"{KV} path.spark-line:not(.spark-past)").get_attribute("d") or ""
    assert box.count("M") == box.count("L") == 1


def test_absent_value_says_why_and_is_not_zero(visit: Callable[..., Visit]) -> None:
    """A missing indicator shows a dash, the word and the reason."""
    card = visit(scenes.blind()).page.locator(KV)
    expect(card.locator(".number")).to_have_text("\u2013")
    expect(card.locator(".state")).to_have_text("No data")
    expect(card.locator(".why")).to_have_text("No series under any known name.")


def test_estimates_are_marked(visit: Callable[..., Visit]) -> None:
    """An estimated value carries the sign and the word; an exact one says exact."""
    page = visit(scenes.calm()).page
    expect(page.locator("#card-0-empty_outputs .value")).to_have_text("≈\u20090.2")
    expect(page.locator("#card-0-empty_outputs .objective")).to_have_text("objective\u00a01\u00a0% ·\u00a0estimated")
    expect(page.locator("#card-0-ttft_p99 .objective")).to_have_text("objective\u00a02\u00a0s ·\u00a0exact")


def test_pointing_at_the_line_reads_it(visit: Callable[..., Visit]) -> None:
    """The pointer reads a moment: its value, or that there is no data; leaving restores the peak."""
    page = visit(scenes.calm()).page
    picture, reading = page.locator(f"{KV} svg[role=img]"), page.locator(f"{KV} .spark-middle")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 46 / 120, box["y"] + 10)
    expect(reading).to_have_text("−6\u00a0min: no data")
    page.mouse.move(box["x"] + box["width"] * 0.85, box["y"] + 10)
    expect(reading).to_contain_text("−1\u00a0min: 4")
    page.mouse.move(0, 0)
    expect(reading).to_have_text("peak 52\u00a0%")


@pytest.mark.parametrize(("number", "tabs"), [(1, 0), (2, 2), (8, 8)])
def test_tabs_appear_with_several_ranks(visit: Callable[..., Visit], number: int, tabs: int) -> None:
    """One rank needs no tabs; two and eight have one each, and the sick one is in view."""
    page = visit(scenes.many_ranks(number, (number - 1,))).page
    assert page.get_by_role("tab").count() == tabs
    expect(page.locator(f"#card-{number - 1}-queue_pressure .state")).to_have_text("Past objective")


def test_two_models_of_one_rank_number_stay_apart(visit: Callable[..., Visit]) -> None:
    """With several models a rank's name carries its model, and each has its own tab and cards."""
    page = visit(scenes.two_models()).page
    assert page.locator(".tab-name").all_inner_texts() == ["chat-8b · rank\u00a00", "code-8b · rank\u00a00"]
    expect(page.get_by_role("tab", selected=True)).to_contain_text("Past")


def test_arrow_keys_choose_a_rank_and_updates_respect_it(visit: Callable[..., Visit]) -> None:
    """The tab list is one stop for the keyboard; a chosen rank stays although another one is worse."""
    made = visit(scenes.many_ranks())
    selected = made.page.get_by_role("tab", selected=True)
    expect(selected).to_have_text("Rank 5Past")
    selected.press("ArrowRight")
    expect(made.page.locator("#rank-6")).to_be_focused()
    made.page.keyboard.press("End")
    made.page.keyboard.press("ArrowRight")
    expect(selected).to_have_text("Rank 0OK")
    made.poll()
    expect(made.page.locator("#rank-0")).to_be_focused()
    expect(selected).to_have_text("Rank 0OK")


def test_view_moves_to_a_rank_that_gets_worse(visit: Callable[..., Visit]) -> None:
    """While the reader has not chosen, trouble comes into view by itself and stays when it ends."""
    made = visit(scenes.many_ranks(8, ()))
    selected = made.page.get_by_role("tab", selected=True)
    expect(selected).to_have_text("Rank 0OK")
    for sick, shown in (((3,), "Rank 3Past"), ((), "Rank 3OK")):
        made.origin.show(scenes.many_ranks(8, sick))
        made.poll()
        expect(selected).to_have_text(shown)


def rows(page: Page) -> list[str]:
    """Return the first two cells of each signal row."""
    return [" ".join(row.locator("th, td").all_inner_texts()[:2]) for row in page.locator("#signal-rows tr").all()]


def test_signals_list_what_is_missing_first(visit: Callable[..., Visit]) -> None:
    """Missing signals lead the table with what the reader is blind to and why."""
    page = visit(scenes.blind()).page
    expect(page.locator("#signals-summary")).to_have_text("7 found, 1 estimated, 1 missing, 1 not offered")
    assert rows(page)[:3] == ["kv_cache_usage Missing", "requests_empty Estimated", "requests_running Found"]
    assert rows(page)[-1] == "requests_swapped Not offered"
    expect(page.locator("#signal-rows tr").first).to_contain_text(
        "You are blind to how full the KV cache is. No series under any known name.",
    )


def test_signals_open_when_one_is_missing(visit: Callable[..., Visit]) -> None:
    """A calm page shows their summary, and the table as soon as it holds bad news."""
    made = visit(scenes.calm())
    expect(made.page.locator("#signals table")).to_be_hidden()
    made.origin.show(scenes.blind())
    made.poll()
    expect(made.page.locator("#signals table")).to_be_visible()


def test_events_and_facts(visit: Callable[..., Visit]) -> None:
    """Events stand newest first in the reader's time; the foot names engine, polls, age and version."""
    page = visit(scenes.incident()).page
    expect(page.locator("#event-rows li").first).to_have_text("14:12:16warningKV cache usage past its objective")
    foot = page.get_by_role("contentinfo")
    for fact in ("vllm 0.32.0", "http://127.0.0.1:8000", "gauges every 0.25 s, full page every 2 s", "0.2 s", "0.1.0"):
        expect(foot).to_contain_text(fact)
    expect(foot.get_by_role("link", name="All metrics")).to_have_attribute("href", "metrics")
