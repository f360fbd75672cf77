"""What a probe asks and what it got back, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Verdict = Literal["alive", "failed", "unclear"]

RESULTS: Mapping[str, Verdict] = {
    "success": "alive",  # tokens and text, to the end of the stream
    "empty": "alive",  # tokens and no text, to the end of the stream
    "no_tokens": "failed",  # the stream ended well and held nothing
    "error": "failed",  # an error inside a stream that began with status 200
    "truncated": "failed",  # the stream ended without [DONE]
    "timeout": "failed",  # the deadline passed
    "http_error": "failed",  # a 5xx
    "unreachable": "failed",  # no connection, or closed before an answer
    "busy": "unclear",  # 429
    "unauthorized": "unclear",  # 401, 403: the key
    "refused": "unclear",  # another 4xx: the model's name, a parameter
    "unsupported": "unclear",  # the engine has no completions
    "redirect": "unclear",  # a 3xx: never followed, so that a key goes nowhere else
    "protocol": "unclear",  # something answered that is no stream of events
    "internal": "unclear",  # a defect of the probe
}
"""Every result of a probe (a label value), and what it says of the engine's life.

`unclear` says nothing about the engine: the sidecar's own settings, or something in between, are at fault.
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """A completion to ask for.

    `fields` are the body's, without model and streaming; `model` None stands for the first one served;
    `tokens` is an upper estimate of what it costs, prompt and answer together.
    """

    fields: Mapping[str, object]
    tokens: int
    chat: bool = False
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of it.

    `result` is a key of RESULTS, `detail` one line that holds neither prompt nor answer nor key. Times in
    seconds; `ttft` and the token counts are None where nothing told them.
    """

    result: str
    detail: str = ""
    text: str = ""
    duration: float = 0.0
    ttft: float | None = None
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    finish_reason: str | None = None

    @property
    def verdict(self) -> Verdict:
        """What it says of the engine's life."""
        return RESULTS[self.result]

    @property
    def tokens(self) -> int | None:
        """Tokens of prompt and answer together, None where the engine did not say."""
        if self.prompt_tokens is None or self.generated_tokens is None:
            return None
        return self.prompt_tokens + self.generated_tokens


@dataclass(frozen=True, slots=True)
class Served:
    """A model that the engine serves; `max_tokens` is its context length when the engine tells."""

    name: str
    max_tokens: int | None = None
