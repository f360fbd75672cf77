"""A busy engine made of pages, on a port of its own that anything may take over."""

from __future__ import annotations

import re
import ssl
import time
from typing import TYPE_CHECKING

from tests.bench.moving_page import CAPTURE, MovingPage
from tests.tools.goldens import PAGES, TESTS
from tests.tools.page_server import PageServer

if TYPE_CHECKING:
    from collections.abc import Callable

CERTIFICATE = TESTS / "fixtures" / "tls" / "self_made.pem"
_AGE = 600.0
"""Seconds of work that an engine has behind it at first, so that a new one's counts are plainly lower."""
_START = re.compile(r"^process_start_time_seconds .*$", re.MULTILINE)


class BusyEngine(PageServer):
    """Serves the captured page of vLLM 0.32.0 with values that move. `edit` changes a page before it goes out."""

    def __init__(self, *, secure: bool = False) -> None:
        self.edit: Callable[[str], str] = str
        super().__init__()
        self._pages = MovingPage(CAPTURE.read_text(encoding="utf-8"))
        self._began, self._process_start = time.monotonic() - _AGE, time.time() - _AGE
        if secure:
            self.speak_tls()

    @property
    def page(self) -> str:
        """The page as it is now."""
        text = self._pages.at(time.monotonic() - self._began).decode()
        return self.edit(_START.sub(f"process_start_time_seconds {self._process_start!r}", text))

    @page.setter
    def page(self, text: str) -> None:
        """The page is made, never given."""

    @property
    def origin(self) -> str:
        """Its address, by name where it has a certificate."""
        return f"https://localhost:{self.port}" if self.tls else self.url

    def speak_tls(self) -> None:
        """Take no plain connections from now on."""
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(CERTIFICATE)

    def restart(self) -> None:
        """Go on as a new process, whose counts are those of the capture."""
        self._began, self._process_start = time.monotonic(), time.time()
        self.hang_up()


def written(stem: str) -> str:
    """A page of another release."""
    return (PAGES / "written" / f"{stem}.prom").read_text(encoding="utf-8")
