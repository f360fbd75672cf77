"""Fixtures: one Chromium for the session, one page and origin per visit, and the rules that hold on every visit."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest

from .chromium import chromium
from .server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

    from .scenes import Scene
    from .server import StatusOrigin

POLL_MILLISECONDS = 2000


@dataclass
class Visit:
    """A page on an origin, with everything the browser complained about or fetched."""

    page: Page
    origin: StatusOrigin
    complaints: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def poll(self) -> None:
        """Let the page ask once more: its clock jumps, no one waits."""
        with self.page.expect_request("**/api/status"):
            self.page.clock.run_for(POLL_MILLISECONDS)

    def asked(self) -> int:
        """How often the page has asked for the status."""
        return sum(url.endswith("/api/status") for url in self.requested)

    def on_console(self, message: ConsoleMessage) -> None:
        """Keep errors; a failed `/api/status` is reported by the browser itself and is no fault of the page."""
        of_status = message.location["url"].endswith("/api/status") and message.text.startswith("Failed to load")
        if message.type in {"error", "warning"} and not of_status:
            self.complaints.append(message.text)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give the system's Chromium; fails with what to install when there is none."""
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open the page on a scene; afterwards no visit may have complained or left its origin."""
    visits: list[Visit] = []
    with ExitStack() as stack:

        def open_page(
            scene: Scene,
            *,
            scheme: Literal["light", "dark"] = "light",
            width: int = 1280,
            prefix: str = "",
            motion: Literal["reduce", "no-preference"] = "no-preference",
        ) -> Visit:
            origin = stack.enter_context(serving(scene, prefix))
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,
                timezone_id="UTC",
                locale="en-GB",
                reduced_motion=motion,
            )
            stack.callback(context.close)
            made = Visit(context.new_page(), origin)
            visits.append(made)
            made.page.on("console", made.on_console)
            made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
            made.page.on("request", lambda request: made.requested.append(request.url))
            made.page.clock.install()
            made.page.goto(origin.url)
            made.page.locator("body:not([data-contact=first])").wait_for()
            return made

        yield open_page
    for made in visits:
        assert made.complaints == []
        foreign = [url for url in made.requested if not url.startswith((made.origin.url, "data:image/svg+xml"))]
        assert foreign == []
