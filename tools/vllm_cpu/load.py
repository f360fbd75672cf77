"""A bounded load on an OpenAI-compatible completions endpoint, with the client's own log of every request.

    python tools/vllm_cpu/load.py --url http://127.0.0.1:8000 --model tiny --concurrency 8 --requests 64

The log is the client's truth: what a user saw, whatever the engine's metrics say. Prompts are random token ids of an
exact length, drawn from a seed and the request's index, so a run repeats and no two prompts share a cached prefix.
"""

from __future__ import annotations

import argparse
import dataclasses
import http.client
import itertools
import json
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FIRST_PLAIN_TOKEN = 3
VOCABULARY = 320
"""Token ids of the tiny model: the ones below `FIRST_PLAIN_TOKEN` are special."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: `requests` completions, at most `concurrency` at a time."""

    url: str
    model: str
    concurrency: int = 8
    requests: int = 64
    prompt_tokens: int = 64
    max_tokens: int = 32
    stream: bool = True
    ignore_eos: bool = True
    """Generate exactly `max_tokens`; otherwise the model may end an answer by itself."""
    seed: int = 1
    timeout: float = 120.0
    """Seconds without a byte from the server until a request counts as failed."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """More fields of the request body."""

    def body(self, index: int) -> dict[str, object]:
        """Return the body of the request number `index`."""
        # Not a cryptographic use: the seed makes the run repeat, whatever the threads' order.
        rng = random.Random(f"{self.seed}:{index}")  # noqa: S311
        prompt = [rng.randrange(FIRST_PLAIN_TOKEN, VOCABULARY) for _ in range(self.prompt_tokens)]
        body: dict[str, object] = {
            "model": self.model,
            "prompt": prompt,
            "max_tokens": self.max_tokens,
            "ignore_eos": self.ignore_eos,
            "stream": self.stream,
        }
        if self.stream:
            body["stream_options"] = {"include_usage": True}
        return body | dict(self.extra)


@dataclass(frozen=True, slots=True)
class Record:
    """What the client saw of one request. Durations in seconds from sending; None where it never came."""

    index: int
    sent: float
    """Unix time of sending."""
    ttft: float | None
    duration: float
    prompt_tokens: int | None
    tokens: int | None
    finish_reason: str | None
    empty: bool
    """Whether an answer came that holds no text."""
    error: str | None
    """One line; None for a complete answer."""


class AnswerError(Exception):
    """The server answered, but not with a completion."""


@dataclass(slots=True)
class _Answer:
    """An answer while it arrives."""

    began: float
    ttft: float | None = None
    text: str = ""
    prompt_tokens: int | None = None
    tokens: int | None = None
    finish_reason: str | None = None

    def add(self, part: Mapping[str, object]) -> None:
        """Take in one JSON part: a whole answer, or one event of a stream."""
        if "error" in part:
            raise AnswerError(f"in-band error: {_short(part['error'])}")
        choices = part.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            self.text += choice.get("text") or ""
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
        usage = part.get("usage")
        if isinstance(usage, dict):
            self.prompt_tokens, self.tokens = usage.get("prompt_tokens"), usage.get("completion_tokens")

    def record(self, index: int, sent: float, error: str | None) -> Record:
        """Close the answer."""
        return Record(
            index=index,
            sent=sent,
            ttft=self.ttft,
            duration=time.monotonic() - self.began,
            prompt_tokens=self.prompt_tokens,
            tokens=self.tokens,
            finish_reason=self.finish_reason,
            empty=error is None and not self.text,
            error=error,
        )


def send(plan: Plan, index: int) -> Record:
    """Send the request number `index` and return its record. Failures are in the record, never raised.

    Every request has its own connection: on a kept one, a server that just closed it looks like a failed answer.
    """
    sent, answer = time.time(), _Answer(time.monotonic())
    connection = _connection(plan)
    failure = None
    try:
        _exchange(plan, connection, index, answer)
    except (OSError, http.client.HTTPException, AnswerError, ValueError) as error:
        failure = f"{type(error).__name__}: {_short(error)}"
    finally:
        connection.close()
    return answer.record(index, sent, failure)


def _exchange(plan: Plan, connection: http.client.HTTPConnection, index: int, answer: _Answer) -> None:
    """Send and read one completion into `answer`."""
    headers = {"Content-Type": "application/json", "Connection": "close"}
    connection.request("POST", "/v1/completions", json.dumps(plan.body(index)), headers)
    response = connection.getresponse()
    if response.status != http.HTTPStatus.OK:
        raise AnswerError(f"HTTP {response.status}: {_short(response.read().decode('utf-8', 'replace'))}")
    if not plan.stream:
        answer.add(json.loads(response.read()))
        return
    for event in _events(response):
        if answer.ttft is None:
            answer.ttft = time.monotonic() - answer.began
        answer.add(event)
    if answer.finish_reason is None:
        raise AnswerError("the stream ended without a finish reason")


def _events(response: http.client.HTTPResponse) -> Iterator[dict[str, object]]:
    """Yield the JSON events of a server-sent stream."""
    for line in response:
        if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
            yield json.loads(line[6:])


def _short(value: object) -> str:
    """Return `value` as one line of at most 160 characters."""
    return " ".join(str(value).split())[:160]


def run(plan: Plan, stop: threading.Event | None = None) -> list[Record]:
    """Send the whole plan and return the records in the order of sending.

    `stop` ends the run early: no further request is sent, and those in flight are awaited. Raises ValueError for a
    plan that cannot be sent at all.
    """
    records: list[Record] = []
    numbers = itertools.count()
    ended = stop or threading.Event()

    def work() -> None:
        # next() on itertools.count and list.append are atomic: neither needs a lock.
        while not ended.is_set() and (index := next(numbers)) < plan.requests:
            records.append(send(plan, index))

    if plan.concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {plan.concurrency}")
    _connection(plan).close()
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(plan.concurrency, plan.requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(records, key=lambda record: record.index)


def _connection(plan: Plan) -> http.client.HTTPConnection:
    """Return a connection, not yet opened. Raises ValueError for an address that is not http://host:port."""
    parts = urlsplit(plan.url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"url must look like http://host:port, not {plan.url!r}")
    return http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=plan.timeout)


def quantile(values: Sequence[float], q: float) -> float | None:
    """Return the nearest-rank quantile of `values`, or None without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else None


def summary(records: Sequence[Record]) -> dict[str, object]:
    """Return counts, token totals and latency quantiles (seconds) of a run."""
    good = [record for record in records if record.error is None]
    began = min((record.sent for record in records), default=0.0)
    span = max((record.sent + record.duration for record in records), default=0.0) - began
    generated = sum(record.tokens or 0 for record in good)
    series = {
        "ttft_seconds": [record.ttft for record in good if record.ttft is not None],
        "duration_seconds": [record.duration for record in good],
    }
    return {
        "requests": len(records),
        "errors": dict(Counter(record.error for record in records if record.error is not None)),
        "finish_reasons": dict(Counter(record.finish_reason for record in good)),
        "empty": sum(record.empty for record in good),
        "prompt_tokens": sum(record.prompt_tokens or 0 for record in good),
        "generated_tokens": generated,
        "seconds": round(span, 3),
        "tokens_per_second": round(generated / span, 1) if span else None,
        **{name: _quantiles(values) for name, values in series.items()},
    }


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    marks = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    found = {name: quantile(values, q) for name, q in marks.items()}
    return {name: round(value, 4) for name, value in found.items() if value is not None}


def parse(arguments: Sequence[str] | None = None) -> tuple[Plan, Path | None]:
    """Read the command line into a plan and the log file, if any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", required=True, help="server, such as http://127.0.0.1:8000")
    parser.add_argument("--model", default="tiny")
    for name in ("concurrency", "requests", "prompt_tokens", "max_tokens", "seed"):
        default = Plan.__dataclass_fields__[name].default
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds without a byte until failure")
    parser.add_argument("--no-stream", dest="stream", action="store_false")
    parser.add_argument("--allow-eos", dest="ignore_eos", action="store_false", help="the model may end an answer")
    parser.add_argument("--log", type=Path, help="write one JSON object a request to this file")
    options = vars(parser.parse_args(arguments))
    log = options.pop("log")
    return Plan(**options), log


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 1 when a request failed."""
    plan, log = parse(arguments)
    try:
        records = run(plan)
    except ValueError as error:
        sys.stderr.write(f"load: {error}\n")
        return 2
    if log is not None:
        with log.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(dataclasses.asdict(record)) + "\n" for record in records)
    sys.stdout.write(json.dumps(summary(records), indent=2) + "\n")
    return 1 if any(record.error for record in records) else 0


if __name__ == "__main__":
    sys.exit(main())
