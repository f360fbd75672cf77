"""`forewarn plan`: flags, live inputs, and one line for each mistake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from forewarn import cli
from tests.tools.prometheus_server import prometheus

if TYPE_CHECKING:
    from collections.abc import Sequence

CAPACITY = ("--replica-requests-per-second", "4", "--swing", "2")
LIVE = {
    "llm:replica_capacity:requests": 3.5,
    "llm_prompt_tokens_total": 600.0,
    "llm_generation_tokens_total": 200.0,
    "llm:spare_objective:replicas": 2.0,
    "llm:headroom_objective:replicas": 3.0,
    "max(llm_replica_gpus": 4.0,
    "llm_replica_cost_usd_per_hour": 3.0,
    "llm_replica_cold_start_seconds": 240.0,
}


def run(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> tuple[int, str, str]:
    """Status, output and errors of `forewarn plan`."""
    status = cli.main(["plan", *arguments], {})
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def answers(hours: float = 48, load: str = "llm:requests_arrived:rate5m", **without: bool) -> Any:  # noqa: ANN401  an answer is JSON
    """A Prometheus that holds LIVE and a load of 10 with a peak of 30, under the name `load`."""

    def answer(path: str, form: dict[str, str]) -> Any:  # noqa: ANN401  as above
        query = form["query"]
        if path == "query_range":
            count = int(hours * 12)
            values = [[index, "30" if index == 0 else str(10 - 20 / (count - 1))] for index in range(count)]
            return [{"metric": {}, "values": values}] if load in query else []
        found = [value for name, value in LIVE.items() if name in query and not without.get(name.split(":")[-1])]
        return [{"metric": {}, "value": [0, str(found[-1])]}] if found else []

    return answer


def test_the_table_and_the_json_tell_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """20 requests/s, twice at the peak, 4 a replica: 10 + 1 + 1."""
    status, text, error = run(capsys, CAPACITY)
    assert (status, error) == (0, "")
    assert "= replicas                         12" in text
    numbers = json.loads(run(capsys, [*CAPACITY, "--json"])[1])
    assert numbers["replicas"]["total"] == 12
    assert numbers["from_prometheus"] == {}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "capacity of a replica: expected one of --replica-requests-per-second"),
        ([*CAPACITY, "--swing", "wide"], "--swing: expected a number, got wide"),
        ([*CAPACITY, "--spares", "1.5"], "--spares: expected a whole number from 0 to 1000, got 1.5"),
        ([*CAPACITY, "--average-load", "inf"], "--average-load: expected a number over 0, got inf"),
        ([*CAPACITY, "--gpu-availability", "1.5"], "--gpu-availability: expected a number over 0 to 1, got 1.5"),
        ([*CAPACITY, "--deployment", "chat"], "--deployment: expected --from-prometheus beside it"),
        ([*CAPACITY, "--from-prometheus", "http://x"], "--from-prometheus: expected --deployment beside it"),
        (
            [*CAPACITY, "--from-prometheus", "http://x", "--deployment", "a", "--history", "0"],
            "--history: expected hours over 0 to 8760, got 0",
        ),
    ],
)
def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    """On standard error, with status 2 and nothing on standard output."""
    status, text, error = run(capsys, arguments)
    assert (status, text) == (2, "")
    assert error.startswith(f"forewarn: {line}")
    assert error.count("\n") == 1


def test_inputs_come_from_prometheus_and_flags_win(capsys: pytest.CaptureFixture[str]) -> None:
    """Load, capacity, tokens, k, headroom, GPUs, price and cold start are read and named; a flag wins silently."""
    with prometheus(answers()) as fake:
        arguments = ["--from-prometheus", fake.url, "--deployment", "chat", "--matchers", 'namespace="ml"', "--json"]
        numbers = json.loads(run(capsys, [*arguments, "--spares", "1"])[1])
    inputs = numbers["inputs"]
    assert inputs["average_load"] == pytest.approx(10)
    assert inputs["swing"] == pytest.approx(3)
    assert (inputs["replica_requests_per_second"], inputs["prompt_tokens"], inputs["output_tokens"]) == (3.5, 600, 200)
    assert (inputs["spares"], inputs["gpus_per_replica"], inputs["cold_start_seconds"]) == (1, 4, 240)
    assert inputs["deploy_headroom"] == 3
    assert inputs["usd_per_gpu_hour"] == 3.0
    assert set(numbers["from_prometheus"]) == {
        "--average-load", "--swing", "--replica-requests-per-second", "--prompt-tokens", "--output-tokens",
        "--deploy-headroom", "--gpus-per-replica", "--usd-per-gpu-hour", "--cold-start-seconds",
    }  # fmt: skip
    assert all('{deployment="chat",namespace="ml"}' in form["query"] for form in fake.forms)


def test_without_the_pack_the_sidecars_series_do(capsys: pytest.CaptureFixture[str]) -> None:
    """The load's rate is taken from the counter itself."""
    with prometheus(answers(load="llm_requests_arrived_total")) as fake:
        arguments = ["--from-prometheus", fake.url, "--deployment", "chat", "--json"]
        numbers = json.loads(run(capsys, arguments)[1])
    assert (
        numbers["from_prometheus"]["--average-load"] == 'sum(rate(llm_requests_arrived_total{deployment="chat"}[5m]))'
    )


def test_another_way_to_say_capacity_wins_over_the_proven_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Little's law by flag, and no word of the record."""
    with prometheus(answers()) as fake:
        arguments = ["--from-prometheus", fake.url, "--deployment", "chat", "--json"]
        law = ["--replica-concurrency", "64", "--request-seconds", "8"]
        numbers = json.loads(run(capsys, [*arguments, *law])[1])
    assert numbers["capacity"]["requests_per_second"] == 8
    assert "--replica-requests-per-second" not in numbers["from_prometheus"]


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (lambda *_: [], 'expected series of a deployment with deployment="chat", found none'),
        (answers(hours=5), "expected at least 24 h of history, found 5.0 h; give --average-load and --swing instead"),
        (answers(requests=True), "expected a proven capacity (llm:replica_capacity:requests)"),
        (
            lambda path, _: [{"metric": {}, "values": [[0, "0"]] * 300}] if path == "query_range" else [],
            "expected requests within the history, found none",
        ),
    ],
)
def test_missing_history_is_one_line(capsys: pytest.CaptureFixture[str], answer: Any, line: str) -> None:  # noqa: ANN401  an answer is JSON
    """No series, too little of it, no capacity, or no requests: what is missing, and what to give instead."""
    with prometheus(answer) as fake:
        status, text, error = run(capsys, ["--from-prometheus", fake.url, "--deployment", "chat"])
    assert (status, text) == (2, "")
    assert error.startswith(f"forewarn: --from-prometheus: {line}")
    assert error.count("\n") == 1


def test_load_by_flag_needs_no_history(capsys: pytest.CaptureFixture[str]) -> None:
    """The rest is still read."""
    with prometheus(answers(hours=1)) as fake:
        load = ["--average-load", "10", "--swing", "2", "--json"]
        numbers = json.loads(run(capsys, ["--from-prometheus", fake.url, "--deployment", "chat", *load])[1])
    assert numbers["replicas"]["peak_need"] == 6
