"""The command line as a user meets it: one-line mistakes, exit statuses, a quick end."""

from __future__ import annotations

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from typing import IO, TYPE_CHECKING

import pytest
import yaml

from forewarn import __version__, app, check, cli
from tests.tools.goldens import CAPTURE, PAGES, exported, steady
from tests.tools.page_server import PageServer, Slow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OLD = PAGES / "written" / "0.2.7-v0.prom"
FOREWARN = [sys.executable, "-m", "forewarn"]


def environment() -> dict[str, str]:
    """The environment of these tests, without settings of forewarn."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FOREWARN_")}


def started(*arguments: str, out: int | IO[bytes] = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """A forewarn process."""
    return subprocess.Popen([*FOREWARN, *arguments], stdout=out, stderr=subprocess.PIPE, env=environment())


def status_and_output(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> tuple[int, str, str]:
    """Status, standard output and standard error of a command run in this process."""
    try:
        status = cli.main(arguments, {})
    except SystemExit as done:
        status = int(done.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Both end with status 0; help names every command."""
    assert status_and_output(capsys, ["--version"]) == (0, f"forewarn {__version__}\n", "")
    status, text, _ = status_and_output(capsys, ["--help"])
    assert status == 0
    assert re.search(r"^\s+run\s", text, re.MULTILINE)
    assert re.search(r"^\s+check\s", text, re.MULTILINE)
    for command, flag in (("run", "--print-config"), ("check", "--page")):
        status, text, _ = status_and_output(capsys, [command, "--help"])
        assert (status, flag in text) == (0, True)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run", "--nope"], ["check", "--format", "xml"]])
def test_a_wrong_command_line_is_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Usage goes to standard error, nothing to standard output."""
    status, out, err = status_and_output(capsys, arguments)
    assert (status, out) == (2, "")
    assert err.startswith("usage: forewarn")


def test_check_config_says_that_it_is_valid(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A good file is one line and status 0, and nothing is started."""
    path = tmp_path / "forewarn.yaml"
    path.write_text("poll: {timeout: 3s}\n", encoding="utf-8")
    assert status_and_output(capsys, ["run", "--config", str(path), "--check-config"]) == (
        0,
        "configuration is valid\n",
        "",
    )


@pytest.mark.parametrize("command", [["run", "--check-config"], ["run"], ["run", "--print-config"], ["check"]])
def test_a_mistake_in_the_file_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    """Every command that reads settings tells a bad one alike."""
    path = tmp_path / "forewarn.yaml"
    path.write_text("poll: {timeut: 3}\n", encoding="utf-8")
    says = f"forewarn: {path}: poll.timeut: unknown key, did you mean poll.timeout?\n"
    assert status_and_output(capsys, [*command, "--config", str(path)]) == (2, "", says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["run", "--engine-url", "engine"],
            "--engine-url: expected an address such as http://127.0.0.1:8000, got 'engine'",
        ),
        (["run", "--listen", "x"], "--listen: expected HOST:PORT such as 127.0.0.1:9841 or :9841, got 'x'"),
        (["run", "--log-level", "loud"], "--log-level: expected one of debug, info, warning, error, got 'loud'"),
        (["run", "--config", "/nonexistent"], "/nonexistent: expected a readable YAML file: No such file or directory"),
        (
            ["check", "--page", "/nonexistent"],
            "--page: expected a readable file, got /nonexistent: No such file or directory",
        ),
    ],
)
def test_a_bad_flag_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    """The flag is named with what it expects."""
    assert status_and_output(capsys, arguments) == (2, "", f"forewarn: {says}\n")


def test_print_config_shows_what_is_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    """Flags and variables are in the printed settings, which are YAML."""
    arguments = ["run", "--print-config", "--engine-url", "http://e:1", "--listen", ":1", "--log-level", "debug"]
    assert cli.main(arguments, {"FOREWARN_POLL_TIMEOUT": "3", "FOREWARN_ENGINE_API_KEY": "hunter2"}) == 0
    text = capsys.readouterr().out
    printed = yaml.safe_load(text)
    assert printed["engine"]["url"] == "http://e:1"
    assert printed["server"]["listen"] == ":1"
    assert printed["log"]["level"] == "debug"
    assert printed["poll"]["timeout"] == 3.0
    assert "hunter2" not in text


def test_an_address_in_use_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second sidecar on one port says why it cannot start."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        says = f"forewarn: server.listen: expected an address to listen on, got {address}: Address already in use\n"
        assert status_and_output(capsys, ["run", "--listen", address]) == (2, "", says)


def test_unknown_variables_are_logged_when_it_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typo in a variable is a warning in the log, not an end."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(app, "run", lambda *_: None)
    assert cli.main(["run"], {"FOREWARN_LOG_LEVL": "debug"}) == 0
    assert 'level=warning msg="FOREWARN_LOG_LEVL: unknown variable, ignored' in capsys.readouterr().err


@pytest.mark.parametrize(("path", "status"), [(CAPTURE, 0), (OLD, 1)], ids=["whole", "old"])
def test_check_of_a_page_passes_on_its_status(capsys: pytest.CaptureFixture[str], path: Path, status: int) -> None:
    """The metrics form prints the golden, and the status is the verdict's."""
    found, out, err = status_and_output(capsys, ["check", "--page", str(path), "--format", "metrics"])
    assert (found, steady(out), err) == (status, exported(path), "")


def test_check_of_an_engine_passes_on_its_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 while it answers and 2 when it is gone, without a traceback."""
    monkeypatch.setattr(check, "SECOND_POLL", 0.0)
    with PageServer(CAPTURE.read_text(encoding="utf-8")) as engine:
        assert status_and_output(capsys, ["check", "--engine-url", engine.url])[0] == 0
    says = f"engine {engine.url}: unreachable: connection refused\n"
    assert status_and_output(capsys, ["check", "--engine-url", engine.url]) == (2, says, "")


def test_a_web_configuration_is_checked_and_none_of_it_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`--check-config` and `run` end with one line about its mistake; `--print-config` shows the file's name alone."""
    web = tmp_path / "web.yml"
    web.write_text("basic_auth_users: {alice: hunter2}\n", encoding="utf-8")
    says = f"forewarn: {web}: basic_auth_users.alice: expected a bcrypt hash: $2y$10$ and 53 more characters\n"
    for given in (["--check-config"], ["--listen", "127.0.0.1:0"]):
        assert status_and_output(capsys, ["run", *given, "--web.config.file", str(web)]) == (2, "", says)
    status, text, _ = status_and_output(capsys, ["run", "--print-config", "--web.config.file", str(web)])
    assert (status, f"config_file: {web}\n" in text, "hunter2" in text) == (0, True, False)


def test_a_hangup_asks_for_the_files_again_and_ends_nothing() -> None:
    """Without a web configuration there is nothing to read, and the sidecar goes on."""
    port = _free_port()
    with started("run", "--engine-url", "http://127.0.0.1:9", "--listen", f"127.0.0.1:{port}") as process:
        try:
            _logged(process, b"forewarn started")
            process.send_signal(signal.SIGHUP)
            assert b"forewarn_build_info" in _scraped(port)
            assert process.poll() is None
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_reader_that_left_is_no_error() -> None:
    """Output into a closed pipe ends quietly with status 0."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe, started("check", "--page", str(CAPTURE), out=pipe) as process:
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _logged(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """Lines of the process's log up to the first that holds `text`."""
    assert process.stderr is not None
    lines = b""
    while text not in lines:
        line = process.stderr.readline()
        assert line, lines
        lines += line
    return lines


def _scraped(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_run_serves_and_ends_at_once_while_the_engine_hangs(number: signal.Signals) -> None:
    """With a poll in flight that will not end a scrape is answered, and the signal ends it in under 2 s."""
    with PageServer(CAPTURE.read_text(encoding="utf-8")) as engine:
        engine.fail(Slow(60.0))
        port = _free_port()
        with started("run", "--engine-url", engine.url, "--listen", f"127.0.0.1:{port}") as process:
            try:
                _logged(process, b"forewarn started")
                assert any(
                    b"forewarn_build_info" in _scraped(port) and engine.requests["/metrics"] for _ in range(1000)
                )
                sent = time.monotonic()
                process.send_signal(number)
                _, err = process.communicate(timeout=30)
                took = time.monotonic() - sent
            finally:
                process.kill()
    assert process.returncode == 0
    assert took < 2.0
    assert b"forewarn stopped" in err
    assert b"Traceback" not in err


def test_what_a_signal_asks_for_is_not_done_in_its_handler() -> None:
    """A handler that waits for a lock of the code it interrupts, or of an earlier handler, waits for ever."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    lock, seen = threading.Lock(), queue.SimpleQueue[int]()

    def obey(number: int) -> None:
        with lock:
            seen.put(number)

    try:
        cli.take_signals(obey)
        with lock:
            for number in numbers:
                signal.raise_signal(number)
        assert [seen.get(timeout=10) for _ in numbers] == list(numbers)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize(
    ("text", "says"), [("poll: {timeout: soon}\n", b"a restart would fail: "), ("", b"a restart takes")]
)
def test_sighup_tells_whether_a_restart_would_work(tmp_path: Path, text: str, says: bytes) -> None:
    """It ends nothing and changes nothing; the log says what the file is worth now."""
    file = tmp_path / "forewarn.yaml"
    file.write_text("{}\n", encoding="utf-8")
    port = _free_port()
    flags = ["--config", str(file), "--engine-url", "http://127.0.0.1:9", "--listen", f"127.0.0.1:{port}"]
    with started("run", *flags) as process:
        try:
            _logged(process, b"forewarn started")
            file.write_text(text, encoding="utf-8")
            process.send_signal(signal.SIGHUP)
            _logged(process, says)
            assert b"forewarn_build_info" in _scraped(port)
        finally:
            process.kill()


def test_a_mistake_ends_the_real_program_in_one_line() -> None:
    """`python -m forewarn` gives the same line and status, and no traceback."""
    with started("run", "--listen", "nowhere") as process:
        out, err = process.communicate(timeout=30)
    says = b"forewarn: --listen: expected HOST:PORT such as 127.0.0.1:9841 or :9841, got 'nowhere'\n"
    assert (process.returncode, out, err) == (2, b"", says)
