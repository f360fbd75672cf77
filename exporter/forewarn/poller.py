"""Two-speed polling: the few gauges often, the whole page less often, one poll at a time.

vLLM answers a filtered page only at the trailing-slash path, and some of its modes answer it empty. So after the
engine appears the filtered form is tried once against the whole page; where it does not show the same gauges,
whole pages are polled at the fallback interval instead.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from forewarn.errors import FetchError, PageError
from forewarn.layout import PageParser
from forewarn.monitor import Speed

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from forewarn.clock import Clock
    from forewarn.engines.base import Adapter, Binding
    from forewarn.layout import Layout, Page
    from forewarn.monitor import Monitor
    from forewarn.scrape import Response
    from forewarn.snapshot import RankKey

FULL_PATH = "/metrics"
FAST_PATH = "/metrics/"


@dataclass(frozen=True, slots=True)
class PollSettings:
    """Intervals in seconds."""

    fast: float
    full: float
    fallback: float
    filtered: bool = True
    """Whether to try the filtered form."""


class PageSource(Protocol):
    """Where pages come from: the engine, or something in its place."""

    def get(self, path: str) -> Response:
        """The answer to a GET of `path`. Raises FetchError."""

    def close(self) -> None:
        """Release what the source holds."""


class _Reader:
    """One form of the engine's page: its parser, and the binding of its present layout."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._parser = PageParser()
        self._layout: Layout | None = None
        self.binding: Binding | None = None

    def read(self, response: Response) -> tuple[Page, Binding]:
        _check(response)
        page = self._parser.parse(response.body, response.content_type)
        if self.binding is None or page.layout is not self._layout:
            self._layout, self.binding = page.layout, self._adapter.bind(page.layout)
            self._parser.watch(self.binding.slots)
        return page, self.binding


class Poller:
    """Polls one engine and tells the monitor. The only timer of the sidecar."""

    def __init__(
        self, fetcher: PageSource, adapter: Adapter, monitor: Monitor, clock: Clock, settings: PollSettings
    ) -> None:
        self._fetcher = fetcher
        self._monitor = monitor
        self._clock = clock
        self._settings = settings
        self._full_reader = _Reader(adapter)
        self._fast_reader = _Reader(adapter)
        self._fast_path: str | None = None
        self._fast_names: tuple[str, ...] = ()
        self._introduced = False
        self._defect = ""
        self._seen: AbstractSet[RankKey] = frozenset()
        self._next_full = self._next_fast = clock.monotonic()
        self._tell_intervals()

    def run(self, stop: threading.Event, after: Callable[[], None]) -> None:
        """Poll until `stop` is set, calling `after` each time.

        A poll that takes longer than its interval delays the next, nothing piles up.
        """
        while not stop.is_set():
            try:
                due = self.step()
                after()
            except Exception as error:  # noqa: BLE001  nothing may end the polling, be it a want of memory to say so
                due = self._clock.monotonic() + self._full_interval()
                self._tell_defect(f"polling goes on after a defect: {type(error).__name__}: {error}")
            self._clock.wait(stop, due - self._clock.monotonic())

    def _tell_defect(self, text: str) -> None:
        if text != self._defect:
            self._defect = text
            with suppress(MemoryError):
                self._monitor.note("error", text)

    def step(self) -> float:
        """Do the poll that is due now; returns the monotonic time of the next."""
        now = self._clock.monotonic()
        if self._fast_path is None or now >= self._next_full:
            self._next_full = _beat(self._next_full, now, self._full_interval())
            self._guarded(self._poll_full)
        else:
            self._guarded(self._poll_fast)
        if self._fast_path is None:
            return self._next_full
        self._next_fast = _beat(self._next_fast, now, self._settings.fast)
        return min(self._next_full, self._next_fast)

    def poll_once(self) -> None:
        """Poll the whole page now, whatever is due."""
        self._guarded(self._poll_full)

    def _guarded(self, poll: Callable[[], None]) -> None:
        try:
            poll()
        except (FetchError, PageError) as error:
            self._failed(error.kind, str(error))
        except Exception as error:  # noqa: BLE001  a defect must show in the state and must not end the polling
            self._failed("internal", f"{type(error).__name__}: {error}")

    def _failed(self, kind: str, detail: str) -> None:
        self._fast_path, self._introduced = None, False
        self._next_full = self._clock.monotonic() + self._full_interval()
        self._monitor.failed(kind, detail)
        self._tell_intervals()

    def _poll_full(self) -> None:
        started = self._clock.monotonic()
        response = self._fetcher.get(FULL_PATH)
        took = self._clock.monotonic() - started
        page, binding = self._full_reader.read(response)
        snapshot = binding.read(page, full=True)
        speed = Speed("full", self._settings.fast if self._fast_path else self._full_interval())
        restarted = self._monitor.succeeded(snapshot, binding.sources, speed, took)
        # Where the page shows no start of the process, another engine is told by its names alone.
        another = bool(snapshot.ranks and self._seen) and self._seen.isdisjoint(snapshot.ranks)
        self._seen = snapshot.ranks.keys() or self._seen
        if restarted or another or not self._introduced:
            self._introduce(binding)

    def _poll_fast(self) -> None:
        started = self._clock.monotonic()
        response = self._fetcher.get(self._fast_path or FULL_PATH)
        took = self._clock.monotonic() - started
        page, binding = self._fast_reader.read(response)
        snapshot = binding.read(page, full=False)
        if binding.fast_names != self._fast_names:
            self._fall_back("the filtered page no longer shows what was asked for")
            return
        self._monitor.succeeded(snapshot, binding.sources, Speed("fast", self._settings.fast), took)

    def _introduce(self, full: Binding) -> None:
        """After the engine (re)appeared: its version, and whether it filters its page."""
        self._introduced = True
        self._monitor.set_version(self._version())
        if not (self._settings.filtered and full.fast_names):
            return
        path = FAST_PATH + "?" + urlencode([("name[]", name) for name in full.fast_names])
        try:
            response = self._fetcher.get(path)
            page, fast = self._fast_reader.read(response)
        except (FetchError, PageError) as error:
            self._fall_back(f"the filtered page cannot be read ({error})")
            return
        names = {series.name for series in page.layout.series}
        if set(full.fast_names) != names or full.fast_names != fast.fast_names:
            self._fall_back("the filtered page is not what was asked for")
            return
        self._fast_path, self._fast_names = path, full.fast_names
        self._tell_intervals()

    def _version(self) -> str:
        try:
            answer = json.loads(self._fetcher.get("/version").body)
        except (FetchError, ValueError):
            return ""
        version = answer.get("version") if isinstance(answer, dict) else None
        return version[:64] if isinstance(version, str) else ""

    def _fall_back(self, why: str) -> None:
        self._fast_path = None
        self._monitor.note("info", f"polling whole pages every {self._full_interval():g} s: {why}")
        self._tell_intervals()

    def _full_interval(self) -> float:
        settings = self._settings
        return settings.full if self._fast_path else min(settings.full, settings.fallback)

    def _tell_intervals(self) -> None:
        fast = {"fast": self._settings.fast} if self._fast_path else {}
        self._monitor.set_intervals({"full": self._full_interval(), **fast})


def _beat(due: float, now: float, interval: float) -> float:
    """When to poll next, in step with what was due: a poll that begins a little late does not delay all that follow.

    One that is late by more than half an interval begins a new rhythm, so that polls do not crowd.
    """
    following = due + interval
    return following if now + interval / 2 <= following <= now + interval else now + interval


def _check(response: Response) -> None:
    """Refuse what is plainly no metrics page, such as a proxy's HTML with status 200, or not the whole of one."""
    kind = response.content_type.partition(";")[0].strip()
    if kind in ("text/html", "application/json") or response.body.lstrip()[:1] in (b"<", b"{"):
        raise FetchError("not_text", f"engine answered {kind or 'something'}, expected a metrics page")
    # A length that is announced too short cuts a number in two, which still reads as one.
    if response.body and not response.body.endswith((b"\n", b"# EOF")):
        raise FetchError("truncated", "page does not end with a whole line")
