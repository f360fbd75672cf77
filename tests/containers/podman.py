"""podman with a storage of its own: no image or container of this machine's user is seen or changed."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".containers"
LIMITS = ["--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1000:2000"]
"""podman's defaults are more than a sandboxed machine may set."""
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_SETTINGS = """\
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""
_BUILD_SECONDS = 300


class Podman:
    """Runs podman; a failure is an AssertionError with what it said."""

    def __init__(self, state: Path = STATE) -> None:
        state.mkdir(exist_ok=True)
        self._state = state
        settings = state / "containers.conf"
        settings.write_text(_SETTINGS, encoding="utf-8")
        # pip inside a build trusts what this machine trusts, without a trace in the image.
        (state / "pip.conf").write_text(f"[global]\ncert = {_CERTIFICATES}\n", encoding="utf-8")
        self.environment: Mapping[str, str] = {**os.environ, "CONTAINERS_CONF": str(settings)}

    def command(self, *arguments: str) -> list[str]:
        """The whole command line."""
        folders = ["--root", str(self._state / "storage"), "--runroot", str(self._state / "run")]
        return ["podman", *folders, "--network-config-dir", str(self._state / "networks"), *arguments]

    def run(self, *arguments: str, seconds: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman to its end."""
        done = subprocess.run(
            self.command(*arguments),
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=self.environment,
            cwd=ROOT,
        )
        assert not check or done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr[-2000:]}"
        return done

    def has(self, image: str) -> bool:
        """Whether an image is there."""
        return self.run("image", "exists", image, check=False).returncode == 0

    def build(self, file: Path, tag: str, context: Path, *flags: str) -> None:
        """Build an image, in the form that keeps health checks."""
        trust: list[str] = []
        if _CERTIFICATES.exists():
            pip = self._state / "pip.conf"
            trust = ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro", "--volume", f"{pip}:/etc/pip.conf:ro"]
        how = ["--isolation", "chroot", "--format", "docker", "--network", "host", "--file", str(file), "--tag", tag]
        self.run("build", *how, *trust, *flags, str(context), seconds=_BUILD_SECONDS)

    def once(self, image: str, *command: str, flags: tuple[str, ...] = ()) -> str:
        """What a command prints in a fresh container, hardened as in the compose file."""
        hard = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none"]
        return self.run("run", "--rm", *hard, *LIMITS, *flags, image, *command).stdout

    @contextmanager
    def serve(self, socket: Path) -> Iterator[str]:
        """Docker's API at `socket`; its address, while the context is open."""
        with (self._state / "service.log").open("wb") as log:
            address = f"unix://{socket}"
            service = subprocess.Popen(
                self.command("system", "service", "--time=0", address),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )
            try:
                yield address
            finally:
                service.terminate()
                service.wait(10)
