"""The real sidecar on one simulated engine, in virtual time: its poller, samplers and collectors as shipped."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from forewarn import app, config
from forewarn.clock import ManualClock
from forewarn.errors import FetchError
from forewarn.logs import Log
from forewarn.scrape import Response
from lab.answers import Answers
from lab.fleet import EPOCH
from lab.pages import QuickPages
from lab.vllm_sim.page import CONTENT_TYPE
from lab.vllm_sim.shape import DEFAULT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forewarn.probes.scores import Score
    from lab.fleet import Replica
    from lab.scenario import Scenario
    from lab.tape import Tape

_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}
SIDECAR_PORT, ENGINE_PORT = 9841, 8000


class Engine:
    """A replica's HTTP side, as the sidecar's poller sees it."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._pages = QuickPages(replica)
        self._asked: dict[str, tuple[str, ...]] = {}

    def get(self, path: str) -> Response:
        """The answer to a GET."""
        if self._replica.down:
            raise FetchError("refused", "connection refused")
        route, _, query = path.partition("?")
        if route == "/version":
            return Response(f'{{"version": "{DEFAULT_VERSION}"}}'.encode(), "application/json")
        if route != "/metrics/":
            return Response(self._pages.whole().encode(), CONTENT_TYPE)
        if query not in self._asked:
            self._asked[query] = tuple(parse_qs(query).get("name[]", ()))
        return Response(self._pages.gauges(self._asked[query]).encode(), CONTENT_TYPE)

    def close(self) -> None:
        """Nothing to drop."""


class Watch:
    """One replica's sidecar. `due` is when it polls next, in seconds of the scenario."""

    def __init__(self, replica: Replica, scenario: Scenario, deployment: str) -> None:
        member = replica.member
        identity = {"deployment": deployment, "version": member.version, "track": member.track}
        flags = {path: ("scenario", value) for path, value in {**scenario.settings, **identity}.items()}
        self.replica = replica
        self.due = member.joins
        self._clock = ManualClock(wall_start=EPOCH + member.joins)
        log = Log(self._clock, "error", stream=io.StringIO())
        answers = Answers(replica, scenario.seed, self._now) if scenario.golden else None
        self._parts = app.build(config.load(None, {}, flags), self._clock, log, Engine(replica), answers)

    def _now(self) -> float:
        """Seconds of the scenario."""
        return self.replica.member.joins + self._clock.monotonic()

    def scores(self) -> list[Score]:
        """What its suites score at present."""
        return self._parts.probes.board.known(self._clock.wall())

    def poll(self) -> None:
        """Do the poll that is due. The replica has been played up to it."""
        self._clock.advance(self.due - self.replica.member.joins - self._clock.monotonic())
        self.due = self.replica.member.joins + self._parts.poller.step()
        # One golden prompt at most between two polls; without an asker nothing is asked.
        self._parts.probes.scheduler.step()

    def scrape(self, tape: Tape, now: float, names: frozenset[str]) -> None:
        """Let Prometheus scrape the sidecar and, for the rival rules, the series `names` of the engine's own page."""
        self._clock.advance(now - self.replica.member.joins - self._clock.monotonic())
        index = self.replica.index
        sidecar = {"job": "forewarn", "instance": f"replica-{index}:{SIDECAR_PORT}"}
        for family in self._parts.registry.collect():
            for sample in family.samples:
                tape.add(sample.name, sample.labels, sidecar, sample.value)
        tape.add("up", {}, sidecar, 1.0)
        engine = {"job": "vllm", "instance": f"replica-{index}:{ENGINE_PORT}"}
        tape.add("up", {}, engine, 0.0 if self.replica.down else 1.0)
        if not self.replica.down:
            for name, labels, value in samples(self.replica.page(), names):
                tape.add(name, labels, engine, value)


def samples(page: str, names: frozenset[str]) -> Iterator[tuple[str, dict[str, str], float]]:
    """The samples of a simulated page that have one of these names."""
    for line in page.splitlines():
        found = _LINE.fullmatch(line)
        if found and found[1] in names:
            labels = {name: re.sub(r"\\.", _unescaped, value) for name, value in _LABEL.findall(found[2] or "")}
            yield found[1], labels, float(found[3])


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0], found[0])
