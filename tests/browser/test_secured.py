"""The real sidecar's pages behind a password, watching an engine with a hostile name."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from forewarn import app, config
from forewarn.check import FilePage
from forewarn.clock import SystemClock
from forewarn.logs import Log
from forewarn.web.guard import Guard
from forewarn.web.live import Live
from tests.tools.goldens import CAPTURE
from tests.tools.serving import serving
from tests.tools.web_files import PASSWORD, WebFolder, hashed

from .scenes import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A sidecar that polled a page on which the model's name is markup."""
    escaped = HOSTILE.replace('"', '\\"')
    page = tmp_path / "page.prom"
    page.write_text(
        CAPTURE.read_text(encoding="utf-8").replace('model_name="tiny"', f'model_name="{escaped}"'), encoding="utf-8"
    )
    clock = SystemClock()
    parts = app.build(
        config.load(None, {}, {}), clock, Log(clock, stream=io.StringIO()), FilePage(str(page)), filtered=False
    )
    parts.poller.poll_once()
    parts.recorder.tick()
    live = Live(WebFolder(tmp_path).write({"basic_auth_users": {"alice": hashed()}}))
    with serving(Guard(parts.web, live.current)) as port:
        yield f"http://127.0.0.1:{port}"


def test_the_status_page_works_behind_a_password(browser: Browser, address: str) -> None:
    """Asked once, the browser sends it for scripts and updates as well; nothing is blocked, nothing hostile runs."""
    context = browser.new_context(http_credentials={"username": "alice", "password": PASSWORD})
    try:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}/")
        expect(page.locator("#identity strong")).to_have_text(HOSTILE)
        with page.expect_response("**/api/status") as update:
            page.wait_for_load_state()
        assert update.value.status == 200
        assert page.evaluate("window.pwned") is None
        assert page.locator("main img, main script").count() == 0
        page.goto(f"{address}/plan")
        expect(page.locator("h1")).not_to_be_empty()
        # What the browser reports by itself of its first request without the password.
        assert [text for text in complaints if "401" not in text] == []
    finally:
        context.close()


def test_without_the_password_there_is_no_page(browser: Browser, address: str) -> None:
    """Not even its frame."""
    context = browser.new_context()
    try:
        answer = context.request.get(f"{address}/")
        assert (answer.status, answer.text()) == (401, "expected a user and a password\n")
        assert context.request.get(f"{address}/static/status.js").status == 401
    finally:
        context.close()
