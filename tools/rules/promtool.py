"""promtool, wherever it is: on PATH, from Debian's package, or in a container."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tools.rules.pack import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

IMAGE = "prom/prometheus:v2.53.5"
ENVIRONMENT = {"GOGC": "400", "GOMAXPROCS": "1"}
"""One run uses one core and collects garbage less often: a quarter less work, since several run side by side."""
TIMEOUT = 900.0
"""Longest run of one promtool, in seconds; the slowest test file takes a small part of that."""


class PromtoolMissingError(RuntimeError):
    """There is no promtool, and no way to get one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, and what it said."""

    passed: bool
    said: str


@dataclass(frozen=True)
class Promtool:
    """A command that runs promtool on files below the repository's root."""

    command: tuple[str, ...]

    def run(self, *arguments: str) -> Outcome:
        """Run it in the root."""
        done = subprocess.run(  # noqa: S603 - the command is found below, the arguments are this tool's own
            [*self.command, *arguments],
            cwd=ROOT,
            env=os.environ | ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        return Outcome(done.returncode == 0, (done.stdout + done.stderr).strip())

    def check(self, paths: Sequence[Path]) -> Outcome:
        """Check rule files, with every lint."""
        return self.run("check", "rules", "--lint=all", "--lint-fatal", *map(str, paths))

    def test(self, path: Path) -> Outcome:
        """Run a file of unit tests."""
        return self.run("test", "rules", str(path))

    @cached_property
    def version(self) -> str:
        """What it calls itself."""
        return self.run("--version").said


def find() -> Promtool:
    """The first promtool there is. Raises PromtoolMissingError."""
    if program := shutil.which("promtool") or _from_debian():
        return Promtool((program,))
    if docker := shutil.which("docker"):
        mount = f"{ROOT}:{ROOT}"
        return Promtool((docker, "run", "--rm", "-v", mount, "-w", str(ROOT), "--entrypoint", "promtool", IMAGE))
    raise PromtoolMissingError("promtool is not on PATH, Debian's package prometheus cannot be installed, no docker")


def _from_debian() -> str | None:
    if shutil.which("apt-get") is None:
        return None
    subprocess.run([ROOT / "tools" / "ensure_debian.sh", "promtool=prometheus"], check=False)  # noqa: S603 - a script of this repository
    return shutil.which("promtool")
