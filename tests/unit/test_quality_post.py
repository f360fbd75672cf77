"""`POST /-/quality` over HTTP: who may, how much, and that a bad document changes nothing."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.tools.serving import ask, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.conftest import Sidecar

TOKEN = "hunter2"  # noqa: S105  a test's
GOOD = json.dumps({"mmlu": 0.71}).encode()


@pytest.fixture
def open_door(sidecar: Callable[..., Sidecar]) -> Iterator[tuple[Sidecar, int]]:
    """A sidecar that takes scores, and its port."""
    built = sidecar(quality__token=TOKEN)
    with serving(built.parts.web) as port:
        yield built, port


def post(port: int, body: bytes, token: str | None = TOKEN, **headers: str) -> tuple[int, str]:
    """Status and body of a post."""
    sent = {"Authorization": f"Bearer {token}"} if token is not None else {}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10.0)) as connection:
        connection.request("POST", "/-/quality", body, {**sent, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def scores(port: int) -> list[str]:
    """The score's lines on the page."""
    return [line for line in ask(port, "/metrics")[1].splitlines() if line.startswith("llm_quality_score")]


def test_scores_are_taken_in_either_form(open_door: tuple[Sidecar, int]) -> None:
    """JSON or Prometheus text; the answer names the suites, the page has them."""
    _, port = open_door
    assert post(port, GOOD) == (200, "accepted mmlu\n")
    assert post(port, b'llm_quality_score{suite="gsm8k"} 0.5\n') == (200, "accepted gsm8k\n")
    assert [line.rpartition(" ")[2] for line in scores(port)] == ["0.5", "0.71"]


@pytest.mark.parametrize("token", [None, "", "hunter3", "hunter22"])
def test_a_wrong_token_is_turned_away(open_door: tuple[Sidecar, int], token: str | None) -> None:
    """401, nothing taken, counted, and the log does not repeat what was given."""
    built, port = open_door
    status, body = post(port, GOOD, token)
    assert (status, body) == (401, "expected Authorization: Bearer TOKEN\n")
    assert scores(port) == []
    assert 'llm_quality_documents_total{deployment="",' in ask(port, "/metrics")[1]
    assert "hunter" not in built.logged.getvalue()


def test_without_a_token_in_the_settings_nobody_may(port: int) -> None:
    """The door is closed, not open to all."""
    status, body = post(port, GOOD)
    assert (status, body) == (403, "expected the sidecar to have quality.token or quality.token_file\n")


@pytest.mark.parametrize("token", [TOKEN, "wrong"])
def test_ten_megabytes_are_turned_away_with_an_answer(open_door: tuple[Sidecar, int], token: str) -> None:
    """The client gets to read why, whatever it has sent so far; earlier scores stand."""
    _, port = open_door
    post(port, GOOD)
    status, body = post(port, b"x" * 10_000_000, token)
    if token == TOKEN:
        assert (status, body) == (413, "expected at most 65536 bytes, got 10000000\n")
    else:
        assert status == 401
    assert len(scores(port)) == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "expected scores, got nothing\n"),
        (b'{"mmlu": 0.7', "expected JSON that is whole\n"),
        (b'{"mmlu": 71}', "suite mmlu: expected a score from 0 to 1\n"),
        (b'{"good": 0.5, "bad": 2}', "suite bad: expected a score from 0 to 1\n"),
        (b"\xff", "expected UTF-8 text\n"),
    ],
)
def test_a_bad_document_is_400_and_changes_nothing(open_door: tuple[Sidecar, int], body: bytes, says: str) -> None:
    """One line that says what was expected."""
    _, port = open_door
    post(port, GOOD)
    assert post(port, body) == (400, says)
    assert [line.rpartition(" ")[2] for line in scores(port)] == ["0.71"]


def test_a_body_without_a_length_is_refused(open_door: tuple[Sidecar, int]) -> None:
    """Chunked bodies are not read."""
    _, port = open_door
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10.0)) as connection:
        # The head alone: the server answers without waiting for chunks.
        connection.putrequest("POST", "/-/quality")
        connection.putheader("Authorization", f"Bearer {TOKEN}")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        assert connection.getresponse().status == 411


def test_a_body_that_ends_early_is_refused(open_door: tuple[Sidecar, int]) -> None:
    """Half a document is none, even if it would parse."""
    _, port = open_door
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10.0)) as client:
        head = f"POST /-/quality HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 500\r\n\r\n"
        client.sendall(head.encode() + GOOD)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert scores(port) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods_are_told_what_is_allowed(open_door: tuple[Sidecar, int], method: str) -> None:
    """The path takes posts alone."""
    answer, _ = ask(open_door[1], "/-/quality", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_the_token_may_stand_in_a_file_and_is_never_printed(
    sidecar: Callable[..., Sidecar], tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a mounted secret; `--print-config` masks it."""
    from forewarn import cli  # noqa: PLC0415  only here

    file = f"{tmp_path}/token"
    with open(file, "w", encoding="utf-8") as out:
        out.write(TOKEN + "\n")
    assert cli.main(["run", "--print-config"], {"FOREWARN_QUALITY_TOKEN_FILE": file}) == 0
    printed = capsys.readouterr().out
    assert TOKEN not in printed
    assert "token: <secret>" in printed
    with serving(sidecar(quality__token_file=file).parts.web) as port:
        assert post(port, GOOD)[0] == 200
