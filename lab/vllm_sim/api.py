"""Bodies of vLLM's OpenAI-compatible API: what is asked, and how answers look."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.vllm_sim.core import EngineShape

DEFAULT_MAX_TOKENS = 16
"""vLLM's default for `/v1/completions`; chat completions have none."""

_CHARACTERS_PER_TOKEN = 4
_WORDS = ("the", "queue", "is", "short", "and", "every", "answer", "comes", "in", "time", "while", "memory", "lasts")


class ApiError(Exception):
    """A request that vLLM refuses, with its HTTP status and error type."""

    def __init__(self, message: str, status: int = 400, kind: str = "BadRequestError") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        return {"error": {"message": str(self), "type": self.kind, "param": None, "code": self.status}}


@dataclass(frozen=True, slots=True)
class Ask:
    """A completion as asked for; `max_tokens` is None when a chat sets none."""

    chat: bool
    prompt_tokens: int
    max_tokens: int | None
    stream: bool
    include_usage: bool


def parse(body: bytes, shape: EngineShape, *, chat: bool) -> Ask:
    """Read the body of a completion; ApiError when it is not one that can be served."""
    try:
        data = json.loads(body)
    except ValueError as error:
        raise ApiError(f"the body is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ApiError("the body is not a JSON object")
    if data.get("model") not in (None, shape.model):
        raise ApiError(f"The model `{data['model']}` does not exist.", 404, "NotFoundError")
    if data.get("n") not in (None, 1):
        raise ApiError("n must be 1: the simulated engine gives one answer")
    prompt = count_tokens(data.get("messages" if chat else "prompt"), "messages" if chat else "prompt")
    options = data.get("stream_options")
    return Ask(
        chat=chat,
        prompt_tokens=prompt,
        max_tokens=_max_tokens(data, prompt, shape.max_model_len, chat=chat),
        stream=bool(data.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
    )


def count_tokens(prompt: object, name: str) -> int:
    """Return a prompt's tokens: those of a list of token ids, else a quarter of its characters."""
    if isinstance(prompt, list) and prompt and all(isinstance(token, int) for token in prompt):
        return len(prompt)
    texts = prompt if isinstance(prompt, list) else [prompt]
    characters = sum(len(_text(item, name)) for item in texts)
    if not texts:
        raise ApiError(f"{name} must not be empty")
    return max(1, -(-characters // _CHARACTERS_PER_TOKEN))


def _text(item: object, name: str) -> str:
    content = item.get("content") if isinstance(item, dict) else item
    if isinstance(content, list):
        return json.dumps(content)
    if not isinstance(content, str):
        raise ApiError(f"{name} must be text" if name == "prompt" else f"{name} must have text as content")
    return content


def _max_tokens(data: dict[str, Any], prompt: int, max_model_len: int, *, chat: bool) -> int | None:
    asked = data.get("max_completion_tokens", data.get("max_tokens")) if chat else data.get("max_tokens")
    if asked is None:
        asked = None if chat else min(DEFAULT_MAX_TOKENS, max(1, max_model_len - prompt))
    elif not isinstance(asked, int) or isinstance(asked, bool) or asked < 1:
        raise ApiError(f"max_tokens must be at least 1, got {asked}.")
    total = prompt + (asked or 1)
    if total > max_model_len:
        raise ApiError(
            f"This model's maximum context length is {max_model_len} tokens. However, you requested {total} "
            f"tokens ({prompt} in the prompt, {asked or 1} for the completion)."
        )
    return asked


def text_of(first: int, last: int, reason: str | None) -> str:
    """Return the text of tokens `first` to `last`, counted from 1; with `stop` the last one ends the text."""
    end = last - 1 if reason == "stop" else last
    return "".join(f" {_WORDS[(index - 1) % len(_WORDS)]}" for index in range(first, end + 1))


class Answer:
    """Writes the answer to one request."""

    def __init__(self, ask: Ask, model: str, number: int, created: int) -> None:
        self._ask = ask
        prefix, self._kind = ("chatcmpl", "chat.completion") if ask.chat else ("cmpl", "text_completion")
        self._head = {"id": f"{prefix}-{number}", "created": created, "model": model}

    def chunk(self, text: str, reason: str | None) -> bytes:
        """Return one server-sent event."""
        piece = {"delta": {"role": "assistant", "content": text}} if self._ask.chat else {"text": text}
        return self._event([{"index": 0, **piece, "logprobs": None, "finish_reason": reason}])

    def tail(self, tokens: int) -> bytes:
        """Return the events after the last token."""
        usage = self._event([], self._usage(tokens)) if self._ask.include_usage else b""
        return usage + b"data: [DONE]\n\n"

    def whole(self, text: str, tokens: int, reason: str) -> bytes:
        """Return the body of an answer that is not streamed."""
        piece = {"message": {"role": "assistant", "content": text}} if self._ask.chat else {"text": text}
        choice = {"index": 0, **piece, "logprobs": None, "finish_reason": reason}
        body = {**self._head, "object": self._kind, "choices": [choice], "usage": self._usage(tokens)}
        return json.dumps(body).encode()

    def _event(self, choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> bytes:
        kind = f"{self._kind}.chunk" if self._ask.chat else self._kind
        return (
            b"data: "
            + json.dumps({**self._head, "object": kind, "choices": choices, "usage": usage}).encode()
            + b"\n\n"
        )

    def _usage(self, tokens: int) -> dict[str, int]:
        prompt = self._ask.prompt_tokens
        return {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}


def models(shape: EngineShape, created: int) -> dict[str, Any]:
    """Return the body of `/v1/models`."""
    model = {"id": shape.model, "object": "model", "created": created, "owned_by": "vllm", "root": shape.model,
             "parent": None, "max_model_len": shape.max_model_len}  # fmt: skip
    return {"object": "list", "data": [model]}
