"""Processes under measurement: started and ended here, their CPU time and memory read from the kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools import ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

HOST = "127.0.0.1"
_GRACE = 10.0


class BenchError(Exception):
    """The measurement cannot go on; one line for the user."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running process."""

    name: str
    pid: int

    def cpu(self) -> float:
        """CPU seconds so far, of all threads, those that ended included."""
        return cpu_seconds(self.pid)

    def rss(self) -> float:
        """Resident memory now, in MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise BenchError(f"{self.name} has ended")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, by its POSIX CPU-time clock: the sum of utime and stime, in nanoseconds not ticks."""
    # clock_getcpuclockid(3) builds the same id on Linux: CPUCLOCK_SCHED (2) of the whole process.
    return time.clock_gettime((~pid << 3) | 2)


class Children:
    """Starts processes and ends them all on leaving. Their output goes to files in `logs`."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, process in self._running:
            process.terminate()
        deadline = time.monotonic() + _GRACE
        for _, process in self._running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._running.clear()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start a process whose output goes to its log."""
        with (self._logs / f"{name}.log").open("wb") as log:
            return self._start(name, command, log.fileno(), environment)

    def start_told(self, name: str, command: Sequence[str]) -> tuple[Child, str]:
        """Start a process that says one line when it is ready; returns the line."""
        child = self._start(name, command, subprocess.PIPE, None)
        stream = self._running[-1][1].stdout
        line = stream.readline().decode().strip() if stream else ""
        if not line:
            raise BenchError(f"{name} did not start")
        return child, line

    def check(self) -> None:
        """Raise BenchError if a process has ended by itself."""
        for name, process in self._running:
            if process.poll() is not None:
                raise BenchError(f"{name} ended with status {process.returncode}: {self._last_line(name)}")

    def _start(self, name: str, command: Sequence[str], output: int, environment: Mapping[str, str] | None) -> Child:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output == subprocess.PIPE else subprocess.STDOUT,
                env={**_plain_environment(), **(environment or {})},
            )
        except OSError as error:
            raise BenchError(f"cannot start {command[0]}: {error.strerror}") from None
        self._running.append((name, process))
        return Child(name, process.pid)

    def _last_line(self, name: str) -> str:
        log = self._logs / f"{name}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        return lines[-1] if lines else "no output"


def _plain_environment() -> dict[str, str]:
    """The environment of this process without settings of forewarn, which would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FOREWARN_")}


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    return ports.free_port()
