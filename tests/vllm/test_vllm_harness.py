"""The harness itself: what it installs, what its client logs, and that it leaves no process behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.vllm.conftest import VENV
from tests.vllm.processes import wait_until
from tools.vllm_cpu import install, load
from tools.vllm_cpu.engine import read_proc, session_members
from tools.vllm_cpu.load import Plan, run, summary
from tools.vllm_cpu.serve import HOST, Engine, EngineError, Settings, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).parents[2]
METADATA = """\
Name: vllm-cpu
Requires-Dist: regex
Requires-Dist: fastapi[standard]<0.137.0,>=0.133.0
Requires-Dist: torch==2.13.0+cpu; platform_machine == "x86_64"
Requires-Dist: torchvision; platform_machine != "riscv64"
Requires-Dist: intel-openmp==2024.2.1; platform_machine == "x86_64"
Requires-Dist: xgrammar==0.2.8; platform_machine == "x86_64"
Requires-Dist: pandas; extra == "bench"

Requires-Dist is a word of the description as well.
"""
TEXT = {"choices": [{"text": "a", "finish_reason": None}]}
LAST = {"choices": [{"text": "", "finish_reason": "length"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 9}}


class Canned(BaseHTTPRequestHandler):
    """Answers completions with the events, or the status, of its class."""

    protocol_version = "HTTP/1.1"
    events: ClassVar[list[object]] = []
    status: ClassVar[int] = 200
    bodies: ClassVar[list[dict[str, object]]] = []

    def do_POST(self) -> None:
        """Read the request and send the canned answer."""
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        lines = [f"data: {json.dumps(event)}\n\n" for event in self.events]
        body = "".join([*lines, "data: [DONE]\n\n"]).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def canned(events: list[object], status: int = 200) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Serve one canned answer; gives the address and the request bodies as they come."""
    bodies: list[dict[str, object]] = []
    handler = type("Handler", (Canned,), {"events": events, "status": status, "bodies": bodies})
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}", bodies
        finally:
            server.shutdown()
            thread.join()


def test_requirements_are_the_wheels_without_the_unusable() -> None:
    """Torch, its companions without a CPU build, and extras are left out; the rest keeps its pins and markers."""
    assert install.kept_requirements(METADATA) == [
        "regex",
        "fastapi[standard]<0.137.0,>=0.133.0",
        'xgrammar==0.2.8; platform_machine == "x86_64"',
    ]


def test_a_second_install_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """In an installed environment the installer says one line and runs no command."""
    assert install.main(["--venv", str(VENV)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1
    assert "is installed" in printed[0]


def test_the_installer_spares_a_folder_that_is_no_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder with other files in it is refused in one line and left as it is."""
    (tmp_path / "letters.txt").write_text("dear", encoding="utf-8")
    assert install.main(["--venv", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"vllm-cpu: {tmp_path} is not a virtual environment: give another --venv\n"
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_the_client_logs_a_streamed_answer() -> None:
    """Tokens, reason and a time to first token come from the stream; bodies repeat with the seed."""
    with canned([TEXT, LAST, USAGE]) as (url, bodies):
        plan = Plan(url=url, model="tiny", concurrency=1, requests=2, prompt_tokens=4, seed=5)
        records = run(plan)
    assert [(record.finish_reason, record.tokens, record.empty, record.error) for record in records] == [
        ("length", 9, False, None)
    ] * 2
    assert all(record.ttft is not None and 0 <= record.ttft <= record.duration for record in records)
    assert bodies == [plan.body(0), plan.body(1)]
    assert bodies[0]["prompt"] != bodies[1]["prompt"]
    assert summary(records)["generated_tokens"] == 18


@pytest.mark.parametrize(
    ("events", "status", "error"),
    [
        ([TEXT, {"error": {"message": "EngineCore\ndied"}}], 200, "AnswerError: in-band error: {'message'"),
        ([TEXT], 200, "AnswerError: the stream ended without a finish reason"),
        ([], 500, "AnswerError: HTTP 500"),
    ],
)
def test_the_client_logs_what_went_wrong(events: list[object], status: int, error: str) -> None:
    """An error in the stream after a 200, a stream cut short, and a bad status each make a failed record."""
    with canned(events, status) as (url, _):
        (record,) = run(Plan(url=url, model="tiny", requests=1))
    assert record.error is not None
    assert record.error.startswith(error)
    assert "\n" not in record.error


def test_an_answer_without_text_is_empty_and_a_failed_one_is_not() -> None:
    """Empty means a complete answer that holds no text."""
    with canned([LAST, USAGE]) as (url, _):
        (empty,) = run(Plan(url=url, model="tiny", requests=1))
    (refused,) = run(Plan(url=f"http://{HOST}:{free_port()}", model="tiny", requests=1))
    assert (empty.empty, empty.error) == (True, None)
    assert not refused.empty
    assert refused.error is not None
    assert refused.error.startswith("ConnectionRefusedError")


@pytest.mark.parametrize("wrong", [("--url", "https://localhost"), ("--url", "here"), ("--concurrency", "0")])
def test_a_plan_that_cannot_be_sent_is_refused(wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The client's command line tells a user's mistake in one line."""
    assert load.main(["--url", f"http://{HOST}:1", *wrong]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("load: ")
    assert told.err.count("\n") == 1


def test_an_environment_without_vllm_is_told_in_one_line(tmp_path: Path) -> None:
    """Starting without an installed vLLM names the command that installs it."""
    engine = Engine(Settings(tmp_path / "none", tmp_path, free_port()))
    with pytest.raises(EngineError, match=r"run tools/vllm_cpu/install\.py --venv"):
        engine.start()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """An argument that vLLM refuses ends the start with vLLM's own error, and nothing runs on."""
    engine = Engine(Settings(VENV, tmp_path, free_port(), ("--max-num-seqs", "many")))
    with pytest.raises(EngineError, match=r"vLLM ended while starting: .*many"):
        engine.start()
    assert engine.pids() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_serve(number: signal.Signals, tmp_path: Path) -> None:
    """However serve.py ends, SIGKILL included, the server that it started ends too."""
    script = str(ROOT / "tools" / "vllm_cpu" / "serve.py")
    command = [sys.executable, script, "--venv", str(VENV), "--port", str(free_port()), "--work", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as serve:
        try:
            leader = wait_until("the server's process", lambda: server_of(serve.pid), 30)
            serve.send_signal(number)
            serve.wait(30)
            wait_until("the end of its processes", lambda: not session_members(leader), 30)
        finally:
            serve.kill()


def server_of(parent: int) -> int | None:
    """The child of `parent` that has become vLLM, past the interpreter that supervises it."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    for pid in children:
        arguments = read_proc(int(pid), "cmdline").split(b"\0")
        if b"serve" in arguments and b"-c" not in arguments:
            return int(pid)
    return None
