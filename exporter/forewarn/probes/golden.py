"""Golden prompts: suites asked on a schedule, one prompt at a time, and what their answers score.

A run counts only when every case was answered: an answer that could not be had is no wrong answer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from forewarn.probes.prober import Held
from forewarn.probes.scores import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from forewarn.monitor import Monitor
    from forewarn.probes.prober import Prober
    from forewarn.probes.reply import Reply
    from forewarn.probes.scores import Scoreboard
    from forewarn.probes.suites import Case, Suite

Outcome = Literal["passed", "failed", "empty", "error"]

RETRY_AFTER = 300.0
"""Seconds after which a run that could not be finished is tried again, at least."""


@dataclass
class Course:
    """A suite and where its present or last run stands. Times are monotonic seconds."""

    suite: Suite
    due: float
    todo: list[Case] = field(default_factory=list)
    again: list[Case] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Of the present run, by case."""
    last: dict[str, Outcome] = field(default_factory=dict)
    """Of the last run that ended, by case."""
    problem: str = ""
    """Why the last run does not count; "" when it does."""
    told: str = ""
    """The last line about it in the log."""

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return bool(self.todo or self.again)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which suites, how often, and how long one prompt may take; seconds."""

    suites: Sequence[Suite]
    interval: float
    deadline: float


class Golden:
    """Runs suites. `busy` says that another probe (the warm-up) has to end first."""

    def __init__(
        self, prober: Prober, monitor: Monitor, board: Scoreboard, schedule: Schedule, busy: Callable[[], bool]
    ) -> None:
        now = monitor.clock.monotonic()
        self.cases: Counter[tuple[str, str]] = Counter()
        """(suite, outcome) → cases, over all runs."""
        self.courses = [Course(suite, now) for suite in schedule.suites]
        self._prober = prober
        self._monitor = monitor
        self._board = board
        self._schedule = schedule
        self._busy = busy
        self._restarts = monitor.restarts
        self._not_before = now

    def step(self) -> bool:
        """Ask the case that is due; returns whether a request was sent."""
        with self._monitor.lock:
            course = self._turn()
            restarts = self._restarts
        if course is None:
            return False
        case = (course.todo or course.again)[0]
        reply = self._prober.ask("golden", case.ask, self._schedule.deadline)
        with self._monitor.lock:
            if isinstance(reply, Held):
                self._not_before = self._monitor.clock.monotonic() + reply.delay
                return False
            if self._monitor.restarts == restarts:
                self._take(course, case, reply)
        return True

    def _turn(self) -> Course | None:
        """The course whose turn it is, its run begun."""
        monitor = self._monitor
        if monitor.restarts != self._restarts:
            self._begin_anew()
        now = monitor.clock.monotonic()
        if not monitor.fresh() or now < self._not_before or self._busy():
            return None
        course = next((course for course in self.courses if course.running), None)
        if course is None:
            course = next((course for course in self.courses if now >= course.due), None)
            if course is not None:
                course.todo, course.again, course.outcomes = list(course.suite.cases), [], {}
        return course

    def _begin_anew(self) -> None:
        """The engine's process is a new one: what the old one scored says nothing of it."""
        self._restarts = self._monitor.restarts
        self._board.drop("golden")
        for course in self.courses:
            course.due, course.todo, course.again = self._monitor.clock.monotonic(), [], []
            course.outcomes, course.last, course.problem = {}, {}, ""

    def _take(self, course: Course, case: Case, reply: Reply) -> None:
        outcome = judged(case, reply)
        first = bool(course.todo)
        (course.todo or course.again).pop(0)
        if outcome == "error" and first:
            course.again.append(case)
            course.problem = f"{reply.result}: {reply.detail}" if reply.detail else reply.result
            if reply.verdict == "unclear" and reply.result != "busy":
                # The sidecar's own settings: every other case would meet the same.
                self._count(course, case, outcome)
                self._abandon(course)
            return
        self._count(course, case, outcome)
        if outcome == "error":
            course.problem = f"{reply.result}: {reply.detail}" if reply.detail else reply.result
        if not course.running:
            self._end(course)

    def _count(self, course: Course, case: Case, outcome: Outcome) -> None:
        course.outcomes[case.id] = outcome
        self.cases[course.suite.name, outcome] += 1

    def _end(self, course: Course) -> None:
        """Score a run whose every case was answered."""
        if "error" in course.outcomes.values():
            self._abandon(course)
            return
        now = self._monitor.clock.wall()
        outcomes = list(course.outcomes.values())
        score = Score(course.suite.name, outcomes.count("passed") / len(outcomes), now, "golden")
        self._board.take([score], now)
        missed = [case for case, outcome in course.outcomes.items() if outcome != "passed"]
        self._note("info" if not missed else "warning", course, _told(score.value, missed))
        course.last, course.problem = course.outcomes, ""
        course.due = self._monitor.clock.monotonic() + self._schedule.interval

    def _abandon(self, course: Course) -> None:
        """End a run that does not count."""
        course.todo, course.again, course.last = [], [], course.outcomes
        course.due = self._monitor.clock.monotonic() + min(self._schedule.interval, RETRY_AFTER)
        self._note("warning", course, f"run does not count: {course.problem}")

    def _note(self, level: str, course: Course, text: str) -> None:
        """One line, however often it is true."""
        if course.told == text:
            return
        course.told = text
        self._monitor.note(level, f"golden prompts, suite {course.suite.name}: {text}")


def judged(case: Case, reply: Reply) -> Outcome:
    """What an answer is worth. A stream that ended well and held nothing is an answer too, to a golden prompt."""
    if reply.verdict != "alive" and reply.result != "no_tokens":
        return "error"
    if case.expectation.met(reply.text):
        return "passed"
    return "failed" if reply.text.strip() else "empty"


def _told(score: float, missed: Sequence[str]) -> str:
    names = ", ".join(name[:40] for name in missed[:5])
    more = f" and {len(missed) - 5} more" if len(missed) > 5 else ""  # noqa: PLR2004  as many as fit a line
    return f"score {score:.3f}" + (f", not passed: {names}{more}" if missed else "")
