"""Writes the pictures of the status page and the planner under docs/img: `python -m tests.browser.screenshots`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from . import scenes
from .chromium import chromium
from .palette_png import shrink
from .server import PAGES, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Page

TARGET = Path(__file__).parents[2] / "docs" / "img"
WIDE = (1280, 800)
PHONE = (390, 844)
MARGIN = 20
LEADING = "section[aria-labelledby=leading-title]"


class Shot(NamedTuple):
    """One picture."""

    name: str
    scene: scenes.Scene
    scheme: Literal["light", "dark"]
    size: tuple[int, int] = WIDE
    until: str = LEADING


def shots() -> list[Shot]:
    """Return the pictures of the documentation."""
    wide = [
        Shot(f"status-{name}-{scheme}", build(), scheme, until=until)
        for name, build, until in (
            ("calm", scenes.calm, "footer"),
            ("incident", scenes.incident, LEADING),
            ("down", scenes.down, LEADING),
        )
        for scheme in ("light", "dark")
    ]
    return [
        *wide,
        Shot("status-blind-light", scenes.blind(), "light", until="#signals"),
        Shot("status-ranks-light", scenes.many_ranks(), "light", until="#ranks"),
        Shot("status-phone-incident-dark", scenes.incident(), "dark", PHONE, until=".card[id$=queue_pressure]"),
    ]


def extent(page: Page, shot: Shot) -> FloatRect:
    """Return the part of the page to show: the full width, down to the end of one element."""
    end = page.locator(shot.until).evaluate("node => node.getBoundingClientRect().bottom + scrollY")
    return {"x": 0, "y": 0, "width": shot.size[0], "height": end + MARGIN}


def take(browser: Browser, shot: Shot, target: Path) -> None:
    """Render one picture; the time zone and motion are fixed so that pictures differ only with the page."""
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=shot.scheme,
        timezone_id="UTC",
        locale="en-GB",
        reduced_motion="reduce",
    )
    with serving(shot.scene) as origin:
        page = context.new_page()
        page.goto(origin.url)
        page.locator("body[data-contact=live]").wait_for()
        picture = page.screenshot(full_page=True, clip=extent(page, shot))
    (target / f"{shot.name}.png").write_bytes(shrink(picture))
    context.close()


PLANNERS: tuple[tuple[str, str, Literal["light", "dark"], tuple[int, int]], ...] = (
    ("planner-light", "", "light", WIDE),
    ("planner-autoscaling-dark", "#autoscaling=on&swing=3&average_load=40&spares=2", "dark", WIDE),
    ("planner-phone-light", "#autoscaling=on", "light", PHONE),
)
"""Pictures of the planner page: name, its state, scheme and size."""


def take_planner(
    browser: Browser, name: str, fragment: str, scheme: Literal["light", "dark"], size: tuple[int, int]
) -> None:
    """Render the planner page from its file."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="en-GB", reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{(PAGES / 'planner.html').as_uri()}{fragment}")
    page.locator("body[data-plan=made]").wait_for()
    (TARGET / f"{name}.png").write_bytes(shrink(page.screenshot(full_page=size == WIDE)))
    context.close()


def main() -> None:
    """Write every picture and say where."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for shot in shots():
            take(browser, shot, TARGET)
            sys.stdout.write(f"{TARGET / shot.name}.png {(TARGET / f'{shot.name}.png').stat().st_size // 1024} KiB\n")
        for planner in PLANNERS:
            take_planner(browser, *planner)


if __name__ == "__main__":
    main()
