"""Reads a streamed completion to its end: server-sent events as vLLM writes them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from forewarn.probes.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_LINE = 1 << 20
MAX_TEXT = 1 << 16
"""Characters kept of an answer; what follows is read and forgotten."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_DATA = b"data:"
_ENGINE_GAVE_UP = ("error", "abort")


class StreamError(Exception):
    """The stream is not what a completion streams. `result` is a key of RESULTS."""

    def __init__(self, result: str, detail: str) -> None:
        super().__init__(detail)
        self.result = result


class Stream:
    """Takes the lines of one stream; `clock` gives seconds since the request was sent."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._text: list[str] = []
        self._kept = 0
        self._pieces = 0
        self._ttft: float | None = None
        self._usage: dict[str, int] = {}
        self._reason: str | None = None

    def read(self, lines: Iterable[bytes]) -> Reply:
        """Read up to `[DONE]`. Raises StreamError for what ends otherwise."""
        for line in lines:
            if len(line) > MAX_LINE:
                raise StreamError("protocol", "an event is longer than a mebibyte")
            if not line.startswith(_DATA):
                self._check_other(line)
                continue
            data = line[len(_DATA) :].strip()
            if data == b"[DONE]":
                return self._reply()
            self._take(_event(data))
        raise StreamError("truncated", f"stream ended without [DONE] after {self._pieces} pieces")

    def _check_other(self, line: bytes) -> None:
        """Blank lines, comments and other fields are allowed; anything else is no event stream."""
        stripped = line.strip()
        if stripped and not stripped.startswith((b":", b"event:", b"id:", b"retry:")):
            raise StreamError("protocol", "answer is no stream of events")

    def _take(self, event: dict[str, object]) -> None:
        if event.get("error") or event.get("object") == "error":
            raise StreamError("error", "error inside the stream" + named_error(event))
        usage = event.get("usage")
        if isinstance(usage, dict):
            self._usage = {name: count for name, count in usage.items() if _is_count(count)}
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._take_choice(choice)

    def _take_choice(self, choice: dict[str, object]) -> None:
        delta = choice.get("delta")
        content = delta.get("content") if isinstance(delta, dict) else choice.get("text")
        thought = (delta.get("reasoning_content") or delta.get("reasoning")) if isinstance(delta, dict) else None
        reason = choice.get("finish_reason")
        # A chat's first event holds the role alone; a completion's piece may be the silent half of a character.
        if content or thought or reason or not isinstance(delta, dict):
            self._pieces += 1
            self._ttft = self._clock() if self._ttft is None else self._ttft
        if isinstance(content, str) and self._kept < MAX_TEXT:
            self._text.append(content[: MAX_TEXT - self._kept])
            self._kept += len(content)
        if reason in _ENGINE_GAVE_UP:
            raise StreamError("error", f"stream ended with finish_reason {reason}")
        if isinstance(reason, str) and _WORD.fullmatch(reason):
            self._reason = reason

    def _reply(self) -> Reply:
        text = "".join(self._text)
        generated = self._usage.get("completion_tokens", self._pieces)
        result = "success" if text.strip() else "empty" if generated else "no_tokens"
        return Reply(
            result,
            {"empty": f"{generated} tokens and no text", "no_tokens": "stream ended without a token"}.get(result, ""),
            text,
            self._clock(),
            self._ttft if generated else None,
            self._usage.get("prompt_tokens"),
            generated,
            self._reason,
        )


def _event(data: bytes) -> dict[str, object]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        raise StreamError("protocol", "an event is not JSON") from None
    if not isinstance(event, dict):
        raise StreamError("protocol", "an event is no JSON object")
    return event


def named_error(body: object) -> str:
    """The type and code of an error body. Its message is left out: it may repeat the prompt."""
    error = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    words = [str(error[name]) for name in ("type", "code") if isinstance(error.get(name), str | int)]
    known = [word for word in words if _WORD.fullmatch(word) or word.isdecimal()]
    return f" ({', '.join(known)})" if known else ""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
