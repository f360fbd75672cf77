"""Faults of the sidecar's own host and process, and of the engine's."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.pages import MAX_LINES, more
from tests.faults.rows import LARGE_MIB, Fault, Told, down, fine, heal, up
from tests.faults.wire import failing
from tests.tools.page_server import Fault as Wire
from tools.demo.processes import answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.rig import Rig
    from tests.vllm.exposition import Page

HOUR = 3600.0
_SCORES = '# TYPE llm_quality_score gauge\nllm_quality_score{suite="nightly"} 0.93\n'
_WRITER = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
_UNLIMITED = resource.RLIM_INFINITY


def _jump(seconds: float) -> Callable[[Rig], None]:
    return lambda rig: (rig.folder / "clock").write_text(f"{seconds:+.0f}\n", encoding="utf-8") and None


def _moved(seconds: float) -> Callable[[Page], bool]:
    """Timestamps are by the clock of now, everything else goes on."""

    def holds(page: Page) -> bool:
        progress = page.value("llm_engine_last_progress_timestamp_seconds") or 0.0
        still = page.value("llm_engine_stalled") == 0 and page.number("forewarn_sample_age_seconds") < 3
        return still and abs(time.time() + seconds - progress) < 60

    return holds


def _kill(rig: Rig) -> None:
    engine = rig.stack.children.process("engine")
    engine.kill()
    engine.wait()


def _pause(rig: Rig) -> None:
    rig.stack.children.pause("engine")


def _start_again(rig: Rig) -> None:
    rig.start_simulator()
    deadline = time.monotonic() + 30
    while not answers(f"http://{rig.stack.engine}/metrics"):
        assert time.monotonic() < deadline, "the simulated engine does not start"
        time.sleep(0.05)


def _resume(rig: Rig) -> None:
    rig.stack.children.resume("engine")


def _freeze_the_sidecar(rig: Rig) -> None:
    """Longer than a sample may be old."""
    os.kill(rig.pid, signal.SIGSTOP)
    time.sleep(4.0)
    os.kill(rig.pid, signal.SIGCONT)


def _write_scores(rig: Rig, limit: int = _UNLIMITED) -> None:
    """Write the file of scores as an evaluation does, on a disk with room for `limit` bytes."""
    subprocess.run(
        [sys.executable, "-c", _WRITER, str(rig.folder / "scores.prom"), _SCORES],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        check=limit == _UNLIMITED,
        stderr=subprocess.DEVNULL,
    )


def _first_scores(rig: Rig) -> None:
    _write_scores(rig)
    _wait_for(rig, lambda page: page.value("llm_quality_score", suite="nightly") == 0.93)


def _cut_scores(rig: Rig) -> None:
    _write_scores(rig, 40)


def _old_scores(page: Page) -> bool:
    rejected = page.value("llm_quality_documents_total", source="file", result="rejected")
    return bool(rejected) and page.value("llm_quality_score", suite="nightly") == 0.93


def _wait_for(rig: Rig, holds: Callable[[Page], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds(rig.look().page):
        assert time.monotonic() < deadline, rig.log()[-1500:]
        time.sleep(0.05)


def _no_descriptors(rig: Rig) -> None:
    """Not one more may be opened, and the connection to the engine is lost."""
    used = len(list(Path(f"/proc/{rig.pid}/fd").iterdir()))
    rig.engine.fail(Wire.REFUSE)
    resource.prlimit(rig.pid, resource.RLIMIT_NOFILE, (used - 1, 4096))
    rig.engine.heal()
    _wait_for_log(rig, "Too many open files")


def _descriptors(rig: Rig) -> None:
    resource.prlimit(rig.pid, resource.RLIMIT_NOFILE, (1024, 4096))


def _wait_for_log(rig: Rig, part: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while part not in rig.log():
        assert time.monotonic() < deadline, f"not logged: {part}\n{rig.log()[-1500:]}"
        time.sleep(0.05)


def _little_memory(rig: Rig) -> None:
    """Room for 16 MiB more, and a page that wants 50."""
    status = Path(f"/proc/{rig.pid}/status").read_text(encoding="ascii")
    size = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:"))
    resource.prlimit(rig.pid, resource.RLIMIT_DATA, ((size << 10) + (16 << 20), _UNLIMITED))
    rig.engine.edit = more(MAX_LINES - 1000, 'vllm:other{{path="{}' + "x" * 100 + '"}} 1')
    _wait_for_log(rig, "MemoryError")
    _wait_for(rig, down("internal").holds)


def _memory(rig: Rig) -> None:
    resource.prlimit(rig.pid, resource.RLIMIT_DATA, (_UNLIMITED, _UNLIMITED))
    heal(rig)


def _hang_up_with_broken_settings(rig: Rig) -> None:
    (rig.folder / "forewarn.yaml").write_text("poll: {max_page_bytes: many}\n", encoding="utf-8")
    os.kill(rig.pid, signal.SIGHUP)
    _wait_for_log(rig, "a restart would fail: ")


def _slow_clients(rig: Rig) -> None:
    """Half of them ask and take nothing, half never finish asking."""
    host, _, port = rig.stack.sidecar.rpartition(":")
    for number in range(40):
        client = socket.create_connection((host, int(port)), timeout=5)
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + (b"\r\n" if number % 2 else b""))
        rig.clients.append(client)


def _no_clients(rig: Rig) -> None:
    for client in rig.clients:
        client.close()


def faketime() -> str:
    """The library that moves the wall clock of a process. Raises FileNotFoundError without it."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise FileNotFoundError("libfaketime is not installed: run make test-faults, or install Debian's faketime")
    return str(found[0])


_CLOCK = {
    "LD_PRELOAD": "{faketime}",
    "FAKETIME_TIMESTAMP_FILE": "{folder}/clock",
    "FAKETIME_NO_CACHE": "1",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "NO_FAKE_STAT": "1",
}
_LOST_LOG = ("sh", "-c", 'exec "$@" 2>/dev/full', "sh")
_BROKEN_LOG = ("bash", "-c", 'exec "$@" 2> >(exec true)', "bash")
_WITH_CONFIG = ("sh", "-c", 'exec "$@" --config {folder}/forewarn.yaml', "sh")

HOST: tuple[Fault, ...] = (
    Fault(
        "engine killed",
        "SIGKILL of the simulated engine; then a new one on the port, counts from 0",
        down("refused"),
        _kill,
        _start_again,
        simulated=True,
    ),
    Fault(
        "engine stopped",
        "SIGSTOP of the simulated engine, which still accepts connections",
        down("timeout"),
        _pause,
        _resume,
        simulated=True,
    ),
    Fault(
        "clock an hour forward",
        "libfaketime moves the sidecar's wall clock",
        fine("timestamps by the new clock, nothing stalls or ages", _moved(HOUR)),
        _jump(HOUR),
        _jump(0),
        variables=_CLOCK,
    ),
    Fault(
        "clock an hour back",
        "the same, the other way",
        fine("timestamps by the new clock, nothing stalls or ages", _moved(-HOUR)),
        _jump(-HOUR),
        _jump(0),
        variables=_CLOCK,
    ),
    Fault(
        "sidecar frozen",
        "SIGSTOP of the sidecar for 4 s, as when its machine is moved",
        fine(""),
        _freeze_the_sidecar,
        lambda _rig: None,
    ),
    Fault(
        "full disk under the scores",
        "an evaluation writes 40 bytes of its file, RLIMIT_FSIZE stands for the disk",
        fine("the document is counted as rejected, the last score stands", _old_scores),
        _cut_scores,
        _write_scores,
        before=_first_scores,
        variables={
            "FOREWARN_QUALITY_FILE": "{folder}/scores.prom",
            "FOREWARN_POLL_FULL_INTERVAL": "1",
            "FOREWARN_POLL_FALLBACK_INTERVAL": "1",
        },
    ),
    Fault(
        "full disk under the log",
        "standard error is /dev/full while the engine refuses",
        down("refused"),
        failing(Wire.REFUSE),
        wrapper=_LOST_LOG,
    ),
    Fault(
        "reader of the log gone",
        "standard error is a pipe that nobody reads, while the engine refuses",
        down("refused"),
        failing(Wire.REFUSE),
        wrapper=_BROKEN_LOG,
    ),
    Fault(
        "out of file descriptors",
        "RLIMIT_NOFILE at what is open, the connection to the engine lost",
        Told("no scrape can be accepted; the log says why", up),
        _no_descriptors,
        _descriptors,
        alone=True,
        answers=False,
    ),
    Fault(
        "memory cap",
        "RLIMIT_DATA 16 MiB above what is in use, and a page that needs more",
        down("internal"),
        _little_memory,
        _memory,
        alone=True,
        mib=LARGE_MIB,
        answers=False,
    ),
    Fault(
        "SIGHUP with broken settings",
        "the file has become unusable",
        fine("one line in the log says that a restart would fail"),
        _hang_up_with_broken_settings,
        lambda _rig: None,
        wrapper=_WITH_CONFIG,
    ),
    Fault(
        "slow scrapers",
        "40 clients that ask and take nothing, or never finish asking",
        fine("other scrapes are answered"),
        _slow_clients,
        _no_clients,
    ),
)
