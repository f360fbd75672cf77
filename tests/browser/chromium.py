"""Starts the Chromium of the system; nothing is ever downloaded."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-lcd-text",
)


class ChromiumMissingError(RuntimeError):
    """No Chromium on PATH."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("no chromium on PATH: the page's tests need a real browser; apt-get install chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a running browser; raises ChromiumMissingError when there is none."""
    path = shutil.which("chromium")
    if path is None:
        raise ChromiumMissingError
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
