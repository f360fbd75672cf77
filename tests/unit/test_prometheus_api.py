"""Questions to a Prometheus: answers are typed, every failure is one line without a secret."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from forewarn.errors import ConfigError
from forewarn.prometheus_api import Prometheus, matcher
from tests.tools.prometheus_server import prometheus

if TYPE_CHECKING:
    from pathlib import Path


def test_an_instant_answer() -> None:
    """Labels and one value."""
    with prometheus(lambda *_: [{"metric": {"a": "b"}, "value": [5, "1.5"]}]) as fake:
        (series,) = Prometheus(fake.url, "--x").instant("up", 5)
    assert (series.labels, series.points) == ({"a": "b"}, ((5.0, 1.5),))
    assert fake.forms == [{"query": "up", "time": "5.000"}]


def test_a_range_answer_and_a_token(tmp_path: Path) -> None:
    """Values over time; the token of the file goes along."""
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")
    with prometheus(lambda *_: [{"metric": {}, "values": [[0, "1"], [60, "NaN"]]}]) as fake:
        (series,) = Prometheus(fake.url + "/", "--x", str(tmp_path / "token")).range("up", 0, 60, 60)
    assert [at for at, _ in series.points] == [0, 60]
    assert fake.forms == [{"query": "up", "start": "0.000", "end": "60.000", "step": "60"}]
    assert fake.headers[0]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ((400, '{"status": "error", "error": "bad query"}'), "refused the query: bad query"),
        ((200, "<html>"), "expected the Prometheus API at http://127.0.0.1:{port}, got HTTP status 200"),
        ((200, "[]"), "refused the query: not its API"),
    ],
)
def test_a_refusal_is_one_line(answer: tuple[int, str], line: str) -> None:
    """The flag, the address without its password, and the reason."""
    with prometheus(lambda *_: answer) as fake:
        port = fake.server.server_port
        with pytest.raises(ConfigError) as raised:
            Prometheus(f"http://user:hush@127.0.0.1:{port}", "--x").instant("up", 0)
    assert str(raised.value).startswith("--x: ")
    assert line.replace("{port}", str(port)) in str(raised.value)
    assert "hush" not in str(raised.value)


def test_nobody_there_is_one_line() -> None:
    """A refused connection, without the password."""
    with pytest.raises(ConfigError, match=r"^--x: expected a Prometheus at http://127.0.0.1:1: ConnectionError$"):
        Prometheus("http://user:hush@127.0.0.1:1", "--x").instant("up", 0)


@pytest.mark.parametrize("url", ["localhost:9090", "ftp://x", "", "http://"])
def test_an_address_is_http(url: str) -> None:
    """Anything else is said at once."""
    with pytest.raises(ConfigError, match="--x: expected an http or https address"):
        Prometheus(url, "--x")


def test_a_token_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """The file is named."""
    with pytest.raises(ConfigError, match="--prometheus-token-file: expected a readable file"):
        Prometheus("http://x", "--x", str(tmp_path / "none"))


def test_a_matcher_escapes_its_value() -> None:
    """Quotes, backslashes and newlines cannot leave the string."""
    assert matcher("deployment", 'a"b\\c\n') == 'deployment="a\\"b\\\\c\\n"'


def test_a_running_sidecar_does_not_carry_the_http_client() -> None:
    """Only plan and gate ask a Prometheus; what `forewarn run` loads stays small."""
    code = "import sys, forewarn.cli; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
