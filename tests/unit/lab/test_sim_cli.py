"""The command line."""

from __future__ import annotations

import ast
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lab.vllm_sim.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "http"], "argument --port: expected a whole number from 0 to 65535, got 'http'"),
        (["--port", "70000"], "argument --port: expected a whole number from 0 to 65535, got '70000'"),
        (["--speed", "0"], "argument --speed: expected a number > 0, got '0'"),
        (["--speed", "fast"], "argument --speed: expected a number > 0, got 'fast'"),
        (["--seed", "-1"], "argument --seed: expected a whole number >= 0, got '-1'"),
        (["--scenario", "none.yaml"], "none.yaml: cannot be read: No such file or directory"),
    ],
)
def test_mistakes_give_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake on the command line is one line on stderr and exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"python -m lab.vllm_sim: {message}\n"


def test_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that cannot be had is named."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as caught:
        main(["--port", str(taken.getsockname()[1])])
    assert caught.value.code == 2
    assert re.fullmatch(
        r"python -m lab\.vllm_sim: cannot listen on 127\.0\.0\.1:\d+: Address already in use\n", capsys.readouterr().err
    )


def test_table_serves_nothing_and_prints(scenarios: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--table plays the scenario in virtual time."""
    assert main(["--scenario", str(scenarios / "crash.yaml"), "--table", "60", "--seed", "5"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 9


def test_server_says_where_it_listens_and_ends_on_sigterm(repository: Path) -> None:
    """The command prints one line with its address and ends with 0 when asked to."""
    command = [sys.executable, "-m", "lab.vllm_sim", "--port", "0", "--model", "my-model"]
    with subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert re.fullmatch(r"vllm_sim: scenario steady, model my-model, http://127\.0\.0\.1:\d+\n", line)


def test_simulator_imports_nothing_of_the_exporter(repository: Path) -> None:
    """It stays apart: only the standard library, PyYAML and itself, and nothing of the lab that is built on it."""
    allowed = set(sys.stdlib_module_names) | {"lab", "yaml"}
    for path in (repository / "lab" / "vllm_sim").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, path
            assert all(name.startswith("lab.vllm_sim") for name in names if name.split(".")[0] == "lab"), path
