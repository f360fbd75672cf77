"""Child processes that never outlive the demo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Protocol

import requests

from tools import ports

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

HOST = "127.0.0.1"
_STOP_SECONDS = 5.0


class Say(Protocol):
    """Prints one line of progress."""

    def __call__(self, line: str) -> None:
        """Print `line`."""


class DemoError(Exception):
    """The demo cannot go on; the message is one line for the user."""


class Children:
    """Processes started here, ended together, each with its output in a file."""

    def __init__(self, logs: Path, say: Say) -> None:
        self._logs = logs
        self._say = say
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
        """Start `command` in a process group of its own; its output goes to `logs/name.log`."""
        with (self._logs / f"{name}.log").open("wb") as log:
            try:
                child = subprocess.Popen(  # noqa: S603  commands are built here, never from input
                    command,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {})},
                    start_new_session=True,
                )
            except OSError as error:
                raise DemoError(f"cannot start {command[0]}: {error.strerror}") from None
        self._running.append((name, child))

    def check(self) -> None:
        """Raise DemoError if a child has ended by itself."""
        for name, child in self._running:
            if child.poll() is not None:
                log = self._logs / f"{name}.log"
                raise DemoError(f"{name} ended with status {child.returncode}; see {log}{_last_line(log)}")

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready`, saying every few seconds that it still waits."""
        started = said = time.monotonic()
        while not ready():
            self.check()
            now = time.monotonic()
            if now - started > seconds:
                raise DemoError(f"{what} is not there after {seconds:.0f} s; logs are in {self._logs}")
            if now - said >= 5:  # noqa: PLR2004  seconds between two lines
                self._say(f"  waiting for {what} ({now - started:.0f} s)")
                said = now
            time.sleep(0.2)

    def pause(self, name: str) -> None:
        """Stop a child as SIGSTOP does; `resume` lets it go on."""
        self._signal_named(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused child go on."""
        self._signal_named(name, signal.SIGCONT)

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The child of that name that was started last. Raises KeyError when there is none."""
        return dict(self._running)[name]

    def _signal_named(self, name: str, number: signal.Signals) -> None:
        for own, child in self._running:
            if own == name:
                _signal(child, number)

    def stop(self) -> None:
        """End every child, last started first."""
        for _, child in reversed(self._running):
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for name, child in reversed(self._running):
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"  {name} does not end, killing it")
                _signal(child, signal.SIGKILL)
                child.wait()
        self._running.clear()


def free_port(wanted: int) -> int:
    """As `ports.free_port`. Raises DemoError when there is none."""
    try:
        return ports.free_port(wanted)
    except OSError as error:
        raise DemoError(str(error)) from None


def answers(url: str) -> bool:
    """Whether a GET of `url` gives 200."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f", which ends: {said[-1][:300]}" if said else ""


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
