"""The client against an engine that behaves and one that does not: every way of going wrong has its own word."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forewarn.clock import SystemClock
from forewarn.probes.client import Client
from forewarn.probes.liveness import ASK
from forewarn.probes.reply import RESULTS, Ask, Reply, Served
from tests.tools.completion_server import CompletionServer
from tests.tools.raw_server import RawServer, ok
from tests.tools.raw_server import Reply as RawReply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tools.completion_server import Behaviour

CERTIFICATE = Path(__file__).resolve().parents[2] / "fixtures" / "tls" / "self_made.pem"
CHAT = Ask({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}, 10, chat=True)


@pytest.fixture
def engine() -> Iterator[CompletionServer]:
    """An engine that completes."""
    with CompletionServer() as server:
        yield server


def client(url: str, key: str = "", model: str = "") -> Client:
    """A client on the machine's clock."""
    return Client(url, lambda: key, SystemClock(), model)


def test_an_answer_is_read_to_its_end(engine: CompletionServer) -> None:
    """Text, tokens, reason and times of a completion, asked of the model that was found."""
    reply = client(engine.url).ask(ASK, 5.0)
    assert (reply.result, reply.verdict, reply.text, reply.detail) == ("success", "alive", "two three four", "")
    assert (reply.prompt_tokens, reply.generated_tokens, reply.tokens, reply.finish_reason) == (7, 2, 9, "stop")
    assert reply.ttft is not None
    assert 0 <= reply.ttft <= reply.duration
    (body,) = engine.bodies
    assert (body["model"], body["stream"], body["stream_options"]) == ("tiny", True, {"include_usage": True})
    assert engine.paths == ["/v1/models", "/v1/completions"]


def test_a_chat_is_asked_at_its_own_path(engine: CompletionServer) -> None:
    """Deltas are text too."""
    reply = client(engine.url).ask(CHAT, 5.0)
    assert (reply.result, reply.text) == ("success", "two three four")
    assert engine.paths[-1] == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        ("empty", "empty"),
        ("no_tokens", "no_tokens"),
        ("error", "error"),
        ("truncated", "truncated"),
        ("no_done", "truncated"),
        ("reset", "truncated"),
        ("redirect", "redirect"),
        ("html", "protocol"),
        ("not_json", "protocol"),
        ("flood", "protocol"),
        ("pooling", "unsupported"),
    ],
)
def test_every_misbehaviour_has_its_result(engine: CompletionServer, behaviour: Behaviour, result: str) -> None:
    """In-band errors, half streams, missing [DONE], silence and pages of others are told apart, in one line."""
    asking = client(engine.url)
    assert isinstance(asking.served(5.0), Served)
    engine.behaviour = behaviour
    reply = asking.ask(ASK, 5.0)
    assert reply.result == result
    assert bool(reply.detail) == (result != "success")
    assert "\n" not in reply.detail


def test_thoughts_without_an_answer_are_empty(engine: CompletionServer) -> None:
    """Tokens that all went to the reasoning leave the user nothing to read."""
    engine.behaviour = "reasoning"
    assert client(engine.url).ask(CHAT, 5.0).result == "empty"


@pytest.mark.parametrize(
    ("status", "result"),
    [(400, "refused"), (404, "refused"), (401, "unauthorized"), (403, "unauthorized"), (429, "busy"),
     (500, "http_error"), (503, "http_error")],
)  # fmt: skip
def test_statuses_are_told_apart_and_never_repeat_the_prompt(
    engine: CompletionServer, status: int, result: str
) -> None:
    """What the engine says about an error may hold the prompt, so only its type and code are kept."""
    engine.status = status
    reply = client(engine.url).ask(ASK, 5.0)
    assert reply.result == result
    assert f"HTTP status {status} from /v1/completions (SomeError, {status}), expected 200" in reply.detail
    assert "secret" not in reply.detail
    assert str(ASK.fields["prompt"]) not in reply.detail


@pytest.mark.parametrize("behaviour", ["hang", "trickle"])
def test_the_deadline_is_hard(engine: CompletionServer, behaviour: Behaviour) -> None:
    """Neither silence nor a byte now and then keeps a probe longer, and the engine is let go of."""
    asking = client(engine.url)
    asking.served(5.0)
    engine.behaviour = behaviour
    reply = asking.ask(ASK, 0.3)
    assert (reply.result, reply.detail) == ("timeout", "no whole answer within 0.3 s")
    assert 0.3 <= reply.duration < 5.0


def test_the_deadline_holds_for_trickled_headers() -> None:
    """An answer whose head never ends is cut off as well."""
    parts = [b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 1000]
    with RawServer(RawReply(parts, "hang", pause=0.05)) as server:
        started = time.monotonic()
        reply = client(server.url, model="tiny").ask(Ask(ASK.fields, 1, model="tiny"), 0.3)
    assert reply.result == "timeout"
    assert time.monotonic() - started < 5.0


def test_a_first_token_that_is_late_is_seen(engine: CompletionServer) -> None:
    """TTFT holds the wait."""
    engine.behaviour = "slow_first"
    reply = client(engine.url).ask(ASK, 5.0)
    assert reply.result == "success"
    assert reply.ttft is not None
    assert reply.ttft >= engine.pause


def test_nobody_there_is_unreachable() -> None:
    """A port that nothing listens on."""
    reply = client("http://127.0.0.1:9").ask(ASK, 5.0)
    assert (reply.result, reply.detail) == ("unreachable", "connection refused")


def test_a_connection_closed_at_once_is_unreachable() -> None:
    """Before a status line there is no answer that could be half."""
    with RawServer(RawReply(b"", "close")) as server:
        assert client(server.url).ask(ASK, 5.0).result == "unreachable"


def test_the_key_is_sent_and_a_wrong_one_is_told(engine: CompletionServer) -> None:
    """401 names the setting, not the key."""
    engine.api_key = "hunter2"
    assert client(engine.url, "hunter2").ask(ASK, 5.0).result == "success"
    wrong = client(engine.url, "hunter3").ask(ASK, 5.0)
    assert wrong.result == "unauthorized"
    assert "engine.api_key" in wrong.detail
    assert "hunter" not in wrong.detail
    assert engine.headers[0]["User-Agent"].startswith("forewarn-probe/")


def test_a_redirect_is_not_followed(engine: CompletionServer) -> None:
    """The key goes nowhere but to the engine."""
    engine.behaviour = "redirect"
    assert client(engine.url, "hunter2").ask(ASK, 5.0).result == "redirect"
    assert engine.paths == ["/v1/models", "/v1/completions"]


def test_the_model_is_found_once_and_anew_when_forgotten(engine: CompletionServer) -> None:
    """The first one served that is no adapter, with its context length."""
    asking = client(engine.url)
    assert asking.served(5.0) == Served("tiny", 2048)
    engine.model = "other"
    assert asking.served(5.0) == Served("tiny", 2048)
    asking.forget()
    assert asking.served(5.0) == Served("other", 2048)


@pytest.mark.parametrize("model", ["tiny", "adapter"])
def test_a_configured_model_is_looked_for(engine: CompletionServer, model: str) -> None:
    """An adapter may be named."""
    served = client(engine.url, model=model).served(5.0)
    assert isinstance(served, Served)
    assert served.name == model


def test_a_model_that_is_not_served_is_refused(engine: CompletionServer) -> None:
    """Configured for all probes, or named by a suite."""
    reply = client(engine.url, model="missing").ask(ASK, 5.0)
    assert (reply.result, reply.detail) == ("refused", "the engine does not serve the model that is asked for")
    reply = client(engine.url).ask(Ask(ASK.fields, 1, model="missing"), 5.0)
    assert reply.result == "refused"
    assert "NotFoundError" in reply.detail


def test_an_answer_that_lists_no_models_is_told(engine: CompletionServer) -> None:
    """A proxy's page in place of the list."""
    engine.behaviour = "html"
    served = client(engine.url).served(5.0)
    assert isinstance(served, Reply)
    assert served.result == "protocol"


def test_every_result_says_something_of_the_engine() -> None:
    """Results are label values; what is the sidecar's own fault never counts against the engine."""
    assert set(RESULTS.values()) == {"alive", "failed", "unclear"}
    for result in ("unauthorized", "refused", "redirect", "busy", "unsupported", "protocol"):
        assert RESULTS[result] == "unclear"


def test_a_certificate_of_no_known_issuer_is_refused() -> None:
    """The key is not sent to a stranger, as the poller would not read a page from one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with RawServer(ok(b"{}"), tls=context) as server:
        reply = client(server.url, "hunter2").ask(ASK, 5.0)
        assert server.heads == []
    assert reply.result == "unreachable"
    assert "CERTIFICATE_VERIFY_FAILED" in reply.detail


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (RawReply(HEAD + b"e\r\ndata: ", "reset", 0.05), "truncated"),
        (RawReply(HEAD + b"zz\r\n", "close"), "truncated"),
        (RawReply(b"SSH-2.0-OpenSSH\r\n", "close"), "protocol"),
        (RawReply(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "close"), "http_error"),
    ],
    ids=["reset", "bad chunk", "not HTTP", "broken error"],
)
def test_broken_answers_are_told_apart(reply: RawReply, result: str) -> None:
    """Reset in the middle, chunks that are none, another protocol, an error with a broken body."""
    with RawServer(reply) as server:
        answer = client(server.url).ask(Ask(ASK.fields, 1, model="tiny"), 5.0)
    assert answer.result == result
    assert len(answer.detail.splitlines()) == 1


def test_a_list_of_models_that_is_too_large_is_refused() -> None:
    """A mebibyte is enough for any engine's."""
    with RawServer(ok(b"[" + b"1," * (1 << 20))) as server:
        served = client(server.url).served(5.0)
    assert isinstance(served, Reply)
    assert (served.result, served.detail) == ("protocol", "answer of /v1/models is larger than a mebibyte")
