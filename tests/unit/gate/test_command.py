"""`forewarn gate`: what it asks, what it says, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from forewarn import cli
from tests.tools.prometheus_server import prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

END = 1_700_000_000
COMMON = ("--deployment", "chat", "--end", str(END))


def run(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> tuple[int, str, str]:
    """Status, output and errors of `forewarn gate`."""
    status = cli.main(["gate", *arguments], {})
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def tracks(canary_bad: float = 4.0, *, canary_load: float = 1.0, prices: bool = True) -> Callable[..., Any]:
    """Fifteen slices: 400 requests on the canary, 2,000 on stable, 1 % of stable's bad, no golden prompts."""

    def value(query: str) -> float | None:
        canary = 'track="canary"' in query
        if "llm_quality" in query or ("usd" in query and not prices):
            return None
        if "usd" in query:
            return 0.5
        if "llm_replica_ready" in query:
            return canary_load if canary else 1.0
        if any(word in query for word in ("violations", "empty", 'reason="error"')):
            return canary_bad if canary else 20.0
        return 400.0 if canary else 2000.0

    def answer(_path: str, form: dict[str, str]) -> Any:  # noqa: ANN401  an answer is JSON
        found = value(form["query"])
        if found is None:
            return []
        start, end, step = (float(form[name]) for name in ("start", "end", "step"))
        times = [start + step * index for index in range(int((end - start) / step) + 1)]
        return [{"metric": {}, "values": [[at, str(found)] for at in times]}]

    return answer


def test_a_good_canary_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0, a row for each guardrail; those without data are not judged."""
    with prometheus(tracks()) as fake:
        status, text, error = run(capsys, ["--prometheus", fake.url, *COMMON])
    assert (status, error) == (0, "")
    assert [line.split()[:2] for line in text.splitlines()[1:7]] == [
        ["ttft", "pass"], ["tpot", "pass"], ["error", "pass"], ["empty", "pass"], ["quality", "not"], ["cost", "pass"],
    ]  # fmt: skip
    assert text.endswith("verdict: pass\n")
    assert {(form["start"], form["end"], form["step"]) for form in fake.forms} == {
        (f"{END - 14 * 120}.000", f"{END}.000", "120")
    }


def test_a_bad_canary_fails_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1; the numbers behind each guardrail are there."""
    with prometheus(tracks(40.0)) as fake:
        status, text, _ = run(capsys, ["--prometheus", fake.url, *COMMON, "--json"])
    made = json.loads(text)
    assert (status, made["verdict"], made["failed"], made["passed"]) == (1, "fail", True, False)
    ttft = made["guardrails"][0]
    assert (ttft["canary"], ttft["stable"], ttft["canary_requests"]) == (0.1, 0.01, 6000)


def test_nothing_there_is_not_enough_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and which track lacks what."""
    with prometheus(lambda *_: []) as fake:
        status, text, _ = run(capsys, ["--prometheus", fake.url, *COMMON])
    assert status == 2
    assert "canary has no such series or no requests in the window" in text


def test_cost_is_not_compared_at_unlike_loads(capsys: pytest.CaptureFixture[str]) -> None:
    """A canary with a tenth of the load per replica is dear for that reason alone."""
    with prometheus(tracks(canary_load=0.1)) as fake:
        status, text, _ = run(capsys, ["--prometheus", fake.url, *COMMON])
    assert status == 0
    assert "a canary's replica carries 0.10 × a stable one's load" in text


def test_cost_is_not_compared_at_unknown_loads(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the count of ready replicas nobody knows how busy each was."""
    with prometheus(tracks(canary_load=0.0)) as fake:
        status, text, _ = run(capsys, ["--prometheus", fake.url, *COMMON])
    assert status == 0
    assert "the load of a replica is unknown on one of the tracks" in text


def test_named_guardrails_are_all_required(capsys: pytest.CaptureFixture[str]) -> None:
    """Quality without golden prompts waits, when it was asked for."""
    with prometheus(tracks()) as fake:
        status, text, _ = run(capsys, ["--prometheus", fake.url, *COMMON, "--guardrails", "quality,error"])
    assert status == 2
    assert "ttft" not in text


def test_matchers_of_tracks_and_margins_are_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """Versions may be the tracks; a wider margin lets more pass."""
    with prometheus(tracks(5.6)) as fake:
        strict = run(capsys, ["--prometheus", fake.url, *COMMON, "--guardrails", "ttft"])[0]
        wide = ["--guardrails", "ttft", "--margin", "ttft=0.05", "--canary", 'track="canary",version="2"']
        assert (strict, run(capsys, ["--prometheus", fake.url, *COMMON, *wide])[0]) == (2, 0)
    assert any('deployment="chat",track="canary",version="2",sli="ttft"' in form["query"] for form in fake.forms)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--guardrails", "speed"],
            "--guardrails: expected some of ttft, tpot, error, empty, quality, cost, got speed",
        ),
        (["--margin", "ttft=2"], "--margin: expected NAME=N, one of"),
        (["--margin", "ttft"], "--margin: expected NAME=N, one of"),
        (["--false-fail", "0.7"], "--false-fail: expected a probability over 0 and below 0.5, got 0.7"),
        (["--looks", "0"], "--looks: expected a whole number from 1, got 0"),
        (["--window", "soon"], "--window: expected a time such as 90s, 30m or 2h, got soon"),
        (["--slice", "30s"], "--slice: expected at least 60s, 5 to 200 of them in the window, got 30s in 30m"),
        (["--slice", "10m"], "--slice: expected at least 60s, 5 to 200 of them in the window, got 10m in 30m"),
    ],
)
def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    """Status 2, on standard error, and nothing was asked."""
    status, text, error = run(capsys, ["--prometheus", "http://127.0.0.1:1", *COMMON, *arguments])
    assert (status, text) == (2, "")
    assert error.startswith(f"forewarn: {line}")
    assert error.count("\n") == 1
