"""The HTTP server on a real loopback socket, and the driver on a clock of the test's."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing, contextmanager
from math import inf
from threading import Event
from typing import TYPE_CHECKING

import pytest

from lab.vllm_sim import api
from lab.vllm_sim.core import EngineShape
from lab.vllm_sim.driver import Driver
from lab.vllm_sim.faults import Crash, Wedge
from lab.vllm_sim.server import Front
from lab.vllm_sim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.vllm_sim.scenario import Scenario

    MakeScenario = Callable[..., Scenario]

SPEED = 20.0
PATIENCE_SECONDS = 30.0


@contextmanager
def serving(scenario: Scenario) -> Iterator[Front]:
    """Serve a scenario on a free port, twenty times as fast as the clock."""
    driver = Driver(Simulation(scenario, epoch=1000.0), speed=SPEED)
    front = Front("127.0.0.1", 0, driver)
    front.open()
    driver.start(on_down=front.close, on_up=front.open)
    try:
        yield front
    finally:
        driver.stop()
        front.close()


@pytest.fixture
def front(make_scenario: MakeScenario) -> Iterator[Front]:
    """A server without traffic of its own."""
    with serving(make_scenario(rate=0.0)) as front:
        yield front


def connect(front: Front) -> http.client.HTTPConnection:
    """Open a connection."""
    return http.client.HTTPConnection(*front.address, timeout=PATIENCE_SECONDS)


def ask(front: Front, method: str, path: str, body: str | None = None) -> tuple[int, str, bytes]:
    """Return status, content type and body of one request."""
    with closing(connect(front)) as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()


def events(body: bytes) -> list[str]:
    """Return the data of the server-sent events in a body."""
    return [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ping_and_health_answer_200(front: Front, method: str) -> None:
    """Liveness endpoints are empty and fine."""
    assert ask(front, method, "/ping")[::2] == (200, b"")
    assert ask(front, "GET", "/health")[::2] == (200, b"")


def test_version_and_models(front: Front) -> None:
    """The version is 0.32.0, and the model tells its context length."""
    assert json.loads(ask(front, "GET", "/version")[2]) == {"version": "0.32.0"}
    model = json.loads(ask(front, "GET", "/v1/models")[2])["data"][0]
    assert (model["id"], model["max_model_len"]) == ("sim-8b", 4096)


def test_unknown_paths_are_json_404(front: Front) -> None:
    """Anything else is not found, whatever the method, and counts under the handler `none`."""
    assert ask(front, "GET", "/nope") == (404, "application/json", b'{"detail": "Not Found"}')
    assert ask(front, "POST", "/metrics")[0] == 404
    page = ask(front, "GET", "/metrics")[2].decode()
    assert 'http_requests_total{handler="none",method="GET",status="4xx"} 1.0' in page


def test_metrics_page_and_its_filtered_form(front: Front) -> None:
    """The slash honours name[], without it the filter is ignored; both are plain text 0.0.4."""
    query = "?name[]=vllm:num_requests_running&name[]=vllm:num_requests_waiting"
    status, kind, filtered = ask(front, "GET", "/metrics/" + query)
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert filtered.decode().splitlines()[2] == 'vllm:num_requests_running{engine="0",model_name="sim-8b"} 0.0'
    assert len(filtered.splitlines()) == 6
    _, kind, whole = ask(front, "GET", "/metrics" + query)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert len(whole.splitlines()) == len(ask(front, "GET", "/metrics/")[2].splitlines()) > 500


def test_connection_is_kept(front: Front) -> None:
    """Many requests go over one connection."""
    with closing(connect(front)) as connection:
        connection.connect()
        first = connection.sock.getsockname()
        for _ in range(3):
            connection.request("GET", "/health")
            connection.getresponse().read()
            assert connection.sock.getsockname() == first


def test_completion_streams_token_by_token(front: Front) -> None:
    """A streamed completion has an event per token, usage when asked for, and [DONE]; the engine counts it."""
    body = {"prompt": "x" * 400, "max_tokens": 4, "stream": True, "stream_options": {"include_usage": True}}
    status, kind, raw = ask(front, "POST", "/v1/completions", json.dumps(body))
    assert (status, kind) == (200, "text/event-stream; charset=utf-8")
    *chunks, usage, done = events(raw)
    choices = [json.loads(chunk)["choices"][0] for chunk in chunks]
    assert "".join(choice["text"] for choice in choices) == " the queue is short"
    assert [choice["finish_reason"] for choice in choices][-1] == "length"
    assert json.loads(usage)["usage"] == {"prompt_tokens": 100, "completion_tokens": 4, "total_tokens": 104}
    assert done == "[DONE]"
    page = ask(front, "GET", "/metrics")[2].decode()
    assert 'vllm:generation_tokens_total{engine="0",model_name="sim-8b"} 4.0' in page
    assert 'vllm:time_to_first_token_seconds_count{engine="0",model_name="sim-8b"} 1.0' in page
    assert 'http_requests_total{handler="/v1/completions",method="POST",status="2xx"} 1.0' in page


def test_completion_without_stream(front: Front) -> None:
    """The whole answer comes at once, sixteen tokens unless told otherwise."""
    answer = json.loads(ask(front, "POST", "/v1/completions", '{"prompt": [1, 2, 3]}')[2])
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 16, "total_tokens": 19}
    assert answer["choices"][0]["finish_reason"] == "length"
    again = json.loads(ask(front, "POST", "/v1/completions", '{"prompt": [1, 2, 3]}')[2])
    assert again["choices"] == answer["choices"]


def test_chat_completion_in_both_forms(front: Front) -> None:
    """Chat answers have messages and deltas."""
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 2}
    whole = json.loads(ask(front, "POST", "/v1/chat/completions", json.dumps(body))[2])
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": " the queue"}
    raw = ask(front, "POST", "/v1/chat/completions", json.dumps({**body, "stream": True}))[2]
    deltas = [json.loads(event)["choices"][0]["delta"]["content"] for event in events(raw)[:-1]]
    assert deltas == [" the", " queue"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("{", 400, "the body is not JSON"),
        ("[]", 400, "the body is not a JSON object"),
        ("{}", 400, "prompt must be text"),
        ('{"prompt": []}', 400, "prompt must not be empty"),
        ('{"prompt": "x", "model": "other"}', 404, "The model `other` does not exist."),
        ('{"prompt": "x", "n": 2}', 400, "n must be 1"),
        ('{"prompt": "x", "max_tokens": 0}', 400, "max_tokens must be at least 1, got 0."),
        ('{"prompt": "x", "max_tokens": 4096}', 400, "This model's maximum context length is 4096 tokens."),
    ],
)
def test_bad_bodies_are_refused(front: Front, body: str, status: int, message: str) -> None:
    """What vLLM would refuse is refused, with an OpenAI-style error."""
    got, _, raw = ask(front, "POST", "/v1/completions", body)
    error = json.loads(raw)["error"]
    assert (got, error["code"]) == (status, status)
    assert message in error["message"]


def test_oversized_body_is_refused_unread(front: Front) -> None:
    """A Content-Length beyond the limit is answered without reading the body."""
    with closing(connect(front)) as connection:
        connection.putrequest("POST", "/v1/completions")
        connection.putheader("Content-Length", "99999999999")
        connection.endheaders()
        assert connection.getresponse().status == 400


@pytest.mark.parametrize("stream", [True, False])
def test_client_that_leaves_is_dropped_by_the_engine(make_scenario: MakeScenario, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A wedged engine keeps clients waiting; when one leaves, its request is gone without a finish."""
    with serving(make_scenario(Wedge(0.0), rate=0.0)) as front:
        driver = front._driver
        body = json.dumps({"prompt": "x", "stream": stream}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        client = socket.create_connection(front.address, timeout=PATIENCE_SECONDS)
        client.sendall(head + body)
        wait_until(lambda: driver.simulation.totals.arrived == 1)
        assert ask(front, "GET", "/health")[0] == 200
        client.close()
        wait_until(lambda: driver.simulation.totals.disconnected == 1)
        assert driver.simulation.engine.waiting == 0


def test_crash_refuses_connections_until_the_restart(make_scenario: MakeScenario) -> None:
    """A crash breaks open connections and refuses new ones; afterwards the same port answers again."""
    with serving(make_scenario(Crash(10.0, 20.0), rate=0.0)) as front, closing(connect(front)) as connection:
        connection.request("GET", "/health")
        connection.getresponse().read()
        wait_until(lambda: refused(front))
        with pytest.raises((http.client.HTTPException, OSError)):
            ask_again(connection)
        wait_until(lambda: not refused(front))
        page = ask(front, "GET", "/metrics")[2].decode()
        assert "process_start_time_seconds 1030.0" in page


def ask_again(connection: http.client.HTTPConnection) -> None:
    """Use a connection once more."""
    connection.request("GET", "/health")
    connection.getresponse()


def refused(front: Front) -> bool:
    """Say whether connections are refused."""
    try:
        socket.create_connection(front.address, timeout=PATIENCE_SECONDS).close()
    except OSError:
        return True
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does; fail after half a minute."""
    pause = Event()
    for _ in range(int(PATIENCE_SECONDS / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("did not happen in time")


def test_driver_follows_its_clock_times_speed(make_scenario: MakeScenario) -> None:
    """Virtual time is the clock's, times the speed; a page brings the simulation up to it."""
    now = 100.0
    driver = Driver(Simulation(make_scenario()), speed=3.0, clock=lambda: now)
    now = 102.0
    assert driver.now() == 6.0
    assert "vllm:num_requests_running" in driver.page(["vllm:num_requests_running"])
    assert driver.simulation.now == 6.0
    ticket = driver.submit(10, 4)
    driver.cancel(ticket)
    assert driver.simulation.totals.disconnected == 1


def test_idle_driver_waits_without_end(make_scenario: MakeScenario) -> None:
    """With nothing to come the driver's thread sleeps until it is told of something."""
    driver = Driver(Simulation(make_scenario(rate=0.0)))
    assert driver.simulation.next_event() == inf
    assert driver._seconds_to_next_event() is None


def test_text_leaves_out_the_token_that_ends_it() -> None:
    """With `stop` the last token has no text: one token that stops is an empty output."""
    assert api.text_of(1, 1, "stop") == ""
    assert api.text_of(1, 3, "stop") == " the queue"
    assert api.text_of(2, 3, None) == " queue is"


def test_prompt_tokens_are_counted_from_all_parts() -> None:
    """Token ids count one each, texts a quarter token a character, rich contents by their JSON."""
    shape = EngineShape()
    parts = {"messages": [{"content": "x" * 40}, {"content": [{"type": "text", "text": "hi"}]}]}
    assert api.parse(json.dumps(parts).encode(), shape, chat=True).prompt_tokens > 10
    assert api.parse(b'{"prompt": ["abcd", "efgh"]}', shape, chat=False).prompt_tokens == 2
