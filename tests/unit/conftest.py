"""What several unit tests of the sidecar's rim share."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from forewarn import app, config
from forewarn.check import FilePage
from forewarn.clock import ManualClock
from forewarn.logs import Log
from tests.tools.fetching import PAGE
from tests.tools.goldens import CAPTURE
from tests.tools.page_server import PageServer
from tests.tools.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from forewarn.poller import PageSource


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar without its server, its clock and what it logged."""

    parts: app.Parts
    clock: ManualClock
    logged: io.StringIO


@pytest.fixture
def sidecar() -> Callable[..., Sidecar]:
    """Builds a sidecar on a manual clock; `source` stands in for the engine, `__` for the dot in a setting's path."""

    def build(source: PageSource | None = None, *, filtered: bool = False, **settings: object) -> Sidecar:
        flags = {path.replace("__", "."): ("test", value) for path, value in settings.items()}
        clock, logged = ManualClock(), io.StringIO()
        parts = app.build(config.load(None, {}, flags), clock, Log(clock, stream=logged), source, filtered=filtered)
        return Sidecar(parts, clock, logged)

    return build


@pytest.fixture
def engine() -> Iterator[PageServer]:
    """A stand-in for vLLM that serves a small page."""
    with PageServer(PAGE.decode()) as server:
        yield server
    assert server.unexpected == []


@pytest.fixture
def healthy(sidecar: Callable[..., Sidecar]) -> Sidecar:
    """A sidecar that polled a captured page once."""
    built = sidecar(FilePage(str(CAPTURE)))
    built.parts.poller.poll_once()
    built.parts.recorder.tick()
    return built


@pytest.fixture
def port(healthy: Sidecar) -> Iterator[int]:
    """The port of its server."""
    with serving(healthy.parts.web) as number:
        yield number


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A place for a configuration file."""
    return tmp_path / "forewarn.yaml"
