"""The planner page: the command's numbers, by keyboard, in both schemes, with its state in the address."""

from __future__ import annotations

import itertools
import json
import random
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import expect

from forewarn.planner.inputs import Inputs
from forewarn.planner.plan import Plan, plan
from forewarn.planner.report import share
from forewarn.server import WebApp
from tests.tools.serving import serving
from tools.planner_page.build import TARGET

from .test_page import WEAK_CONTRASTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page
    from prometheus_client import Metric

pytestmark = pytest.mark.browser

SEED = 8
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def grid() -> list[Inputs]:
    """Corners of the sliders, and as many draws from between them."""
    corners = itertools.product((0.1, 20, 5000), (1, 1.8, 4, 10), (4, 200), (0, 2, None), (0, 3), (1, 8))
    made = [
        Inputs(
            average_load=load,
            swing=swing,
            replica_requests_per_second=capacity if load < 5000 else 200,
            spares=spares,
            deploy_headroom=headroom,
            gpus_per_replica=gpus,
        )
        for load, swing, capacity, spares, headroom, gpus in corners
    ]
    draw = random.Random(SEED)  # noqa: S311  draws of a test, no secrets
    return made + [_drawn(draw) for _ in range(len(made))]


def _drawn(draw: random.Random) -> Inputs:
    tokens, law = draw.random() < 0.3, draw.random() < 0.3
    return Inputs(
        average_load=10 ** draw.uniform(-1, 3),
        swing=draw.uniform(1, 10),
        prompt_tokens=draw.randrange(20_000),
        output_tokens=draw.randrange(1, 4000),
        replica_requests_per_second=None if tokens or law else draw.uniform(1, 200),
        replica_tokens_per_second=10 ** draw.uniform(4, 6) if tokens and not law else None,
        replica_concurrency=draw.uniform(32, 512) if law else None,
        request_seconds=draw.uniform(0.5, 20) if law else None,
        spares=draw.choice((None, None, *range(11))),
        target_availability=draw.choice((0.9, 0.99, 0.999, 0.9999)),
        gpus_per_replica=draw.randint(1, 16),
        gpu_failures_per_day=draw.uniform(0, 0.01),
        repair_hours=draw.uniform(0.1, 48),
        gpu_availability=draw.choice((None, None, 0.99, 0.9999, 1.0)),
        correlated_failures_per_year=draw.uniform(0, 52),
        correlated_minutes=draw.uniform(0, 480),
        deploy_headroom=draw.randint(0, 10),
        cold_start_seconds=draw.choice((None, draw.uniform(10, 20_000))),
        scale_delay_seconds=draw.uniform(0, 600),
        usd_per_gpu_hour=draw.uniform(0, 15),
        reserved_share=draw.uniform(0, 0.5),
        spot_share=draw.uniform(0, 0.5),
    )


def of_python(made: Plan) -> dict[str, Any]:
    """The numbers that the page computes, by the names it gives them."""
    size, spare, scaled = made.fleet, made.fleet.redundancy, made.autoscaling
    return {
        "size": {
            "capacity": size.capacity,
            "need": size.peak_need,
            "spares": size.spares,
            "headroom": size.headroom,
            "replicas": size.replicas,
            "gpus": size.gpus,
        },
        "redundancy": {
            "gpu": spare.gpu_availability,
            "replica": spare.replica_availability,
            "wanted": spare.spares_for_target,
            "spares": spare.spares,
            "shortfall": spare.shortfall,
            "floor": spare.correlated_floor,
            "availability": spare.availability,
        },
        "failures": size.failures_per_day,
        "fixed": _bill(made.static),
        "saving": made.saving_usd_per_month,
        "scaled": {
            "bill": _bill(scaled.bill),
            "provisioned": list(scaled.provisioned),
            "cold": scaled.cold_start_seconds,
            "lead": scaled.lead_seconds,
            "trigger": scaled.trigger_share,
            "rise": scaled.rise_replicas,
        },
    }


def _bill(bill: Any) -> dict[str, float]:  # noqa: ANN401  the planner's own type, read by name
    return {
        "replicas": bill.replicas_mean,
        "usd": bill.usd_per_month,
        "idleShare": bill.idle_share,
        "idleUsd": bill.idle_usd_per_month,
        "usdPerMillion": bill.usd_per_million_tokens,
    }


def flat(value: Any, path: str = "") -> dict[str, float]:  # noqa: ANN401  any JSON
    """Every number of a JSON value by its path."""
    if isinstance(value, dict):
        return {key: number for name in value for key, number in flat(value[name], f"{path}.{name}").items()}
    if isinstance(value, list):
        return {
            key: number for index, item in enumerate(value) for key, number in flat(item, f"{path}[{index}]").items()
        }
    return {path: float(value)}


class _Nothing:
    """Stands in for what a sidecar exports."""

    def parts(self) -> list[list[Metric]]:
        """No series."""
        return []


@pytest.fixture
def open_planner(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open `/plan` as the sidecar serves it; afterwards the page may not have complained or asked for anything."""
    complaints: list[str] = []
    asked: list[str] = []
    app = WebApp(_Nothing(), lambda: (True, ""), dict)
    contexts = []
    with serving(app) as port:

        def visit(fragment: str = "", *, scheme: Literal["light", "dark"] = "light", width: int = 1280) -> Page:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
            )
            contexts.append(context)
            page = context.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(f"http://127.0.0.1:{port}/plan{fragment}")
            page.locator("body[data-plan]").wait_for()
            return page

        yield visit
        for context in contexts:
            context.close()
    assert complaints == []
    assert [url for url in asked if "/plan" not in url and not url.startswith("data:image/svg+xml")] == []


def test_the_page_computes_what_the_command_computes(open_planner: Callable[..., Page]) -> None:
    """On over 200 inputs every number, each step of the day included, agrees."""
    inputs = grid()
    assert len(inputs) >= 200
    page = open_planner()
    given = [made.numbers()["inputs"] for made in map(plan, inputs)]
    found = page.evaluate("inputs => inputs.map((each) => JSON.stringify(forewarn.planOf(each)))", given)
    for each, text in zip(inputs, found, strict=True):
        expected = flat(of_python(plan(each)))
        got = flat(json.loads(text))
        assert {name: got[name] for name in expected} == pytest.approx(expected, rel=1e-7, abs=1e-9), each


def test_the_words_are_the_commands_words(open_planner: Callable[..., Page]) -> None:
    """A link's state is planned and shown: bill, idle share, availability, sum, and the command that tells the same."""
    page = open_planner("#average_load=120&swing=4&gpus_per_replica=8&spares=3")
    made = plan(
        Inputs(
            average_load=120,
            swing=4,
            replica_requests_per_second=4,
            gpus_per_replica=8,
            spares=3,
            cold_start_seconds=130,
        )
    )
    expect(page.locator("#bill")).to_have_text(f"${made.static.usd_per_month:,.0f}")
    expect(page.locator("#idle")).to_have_text(f"{made.static.idle_share:.1%}".replace("%", "\u202f%"))
    expect(page.locator("#availability")).to_have_text(
        share(made.fleet.redundancy.availability).replace("%", "\u202f%")
    )
    expect(page.locator("#replicas")).to_have_text("124")
    expect(page.locator("#sum")).to_have_text("120 peak need + 3 spares + 1 headroom")
    expect(page.locator("#command")).to_have_text(
        "forewarn plan --average-load 120 --swing 4 --replica-requests-per-second 4 --spares 3 --gpus-per-replica 8 "
        "--cold-start-seconds 130"
    )


def test_the_note_flips_with_autoscaling(open_planner: Callable[..., Page]) -> None:
    """Paying for peak day and night, or saving while minding the cold start; a flat load has nothing to follow."""
    page = open_planner()
    expect(page.locator("#headline")).to_have_text("You pay for peak 24/7.")
    expect(page.locator("#verdict")).to_have_attribute("data-tone", "near")
    page.get_by_role("switch", name="Autoscaling").focus()
    page.keyboard.press("Space")
    made = plan(Inputs(replica_requests_per_second=4, spares=1, cold_start_seconds=130))
    expect(page.locator("#headline")).to_have_text(
        f"Autoscaling saves ${made.saving_usd_per_month:,.0f} a month. Mind the cold start."
    )
    expect(page.locator("#bill")).to_have_text(f"${made.autoscaling.bill.usd_per_month:,.0f}")
    assert page.url.endswith("#autoscaling=on")
    page.get_by_label("Diurnal swing", exact=True).fill("1")
    expect(page.locator("#headline")).to_have_text("The load is too even to follow")


def test_everything_works_from_the_keyboard(open_planner: Callable[..., Page]) -> None:
    """Sliders move by arrows, the chart reads out hours, and the address follows; a reload keeps the state."""
    page = open_planner()
    page.get_by_role("slider", name="Spares, k, replicas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Spares, k", exact=True)).to_have_value("3")
    assert page.url.endswith("#spares=3")
    page.locator("#chart").focus()
    page.keyboard.press("Home")
    expect(page.locator("#reading")).to_contain_text("00:00: ")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#reading")).to_contain_text("00:30: ")
    page.reload()
    expect(page.get_by_label("Spares, k", exact=True)).to_have_value("3")
    page.get_by_role("button", name="Start over").press("Enter")
    expect(page.get_by_label("Spares, k", exact=True)).to_have_value("1")
    assert page.url.endswith("#")


def test_sliders_and_numbers_follow_each_other(open_planner: Callable[..., Page]) -> None:
    """A typed number moves the slider; a slider moved writes the number, also on a logarithmic one."""
    page = open_planner()
    slider = page.get_by_role("slider", name="Average load, requests/s")
    page.get_by_label("Average load", exact=True).fill("5000")
    expect(slider).to_have_value("1000")
    slider.fill("500")
    expect(page.get_by_label("Average load", exact=True)).to_have_value("22.4")
    expect(slider).to_have_attribute("aria-valuetext", "22.4 requests/s")


def test_what_cannot_be_is_said_and_not_planned(open_planner: Callable[..., Page]) -> None:
    """A wrong number keeps the last plan and says what was expected; a fleet beyond reason has none."""
    page = open_planner()
    bill = page.locator("#bill").inner_text()
    price = page.get_by_label("Price", exact=True)
    for wrong in ("-1", "x", ""):
        price.fill(wrong)
        expect(price).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#bill")).to_have_text(bill)
    price.blur()
    expect(price).to_have_value("2.5")
    page.get_by_label("Average load", exact=True).fill("100000")
    expect(page.locator("#headline")).to_have_text("No plan for this")


@pytest.mark.parametrize(
    "fragment", ["#spares=1.5&swing=-3&usd_per_gpu_hour=NaN", "#<script>alert(1)</script>", "#average_load="]
)
def test_a_damaged_link_starts_as_always(open_planner: Callable[..., Page], fragment: str) -> None:
    """What an address gets wrong is ignored."""
    page = open_planner(fragment)
    expect(page.locator("#command")).to_have_text(
        "forewarn plan --average-load 20 --swing 1.8 --replica-requests-per-second 4 --spares 1 "
        "--cold-start-seconds 130"
    )


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_it_fits_and_can_be_read(
    open_planner: Callable[..., Page], scheme: Literal["light", "dark"], width: int
) -> None:
    """No sideways scrolling at any width, and every text meets WCAG AA against its ground, both notes included."""
    page = open_planner("#autoscaling=on&gpus_per_replica=16&spares=0&average_load=5000", scheme=scheme, width=width)
    page.locator("#assumptions summary").click()
    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(WEAK_CONTRASTS) == []
        page.get_by_role("switch", name="Autoscaling").press("Space")


def test_the_file_alone_is_the_page(browser: Browser) -> None:
    """Opened from a disk it plans as well, under the policy it brings along."""
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(TARGET.as_uri())
    expect(page.locator("#replicas")).to_have_text("11")
    expect(page.locator("#status-link")).to_be_hidden()
    page.close()
    assert complaints == []
