"""The stream's reader by itself: odd but valid events, and events that are none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.probes.reply import RESULTS
from forewarn.probes.stream import MAX_TEXT, Stream, StreamError, named_error

DONE = b"data: [DONE]\n"
FIELDS = st.sampled_from(
    ["choices", "delta", "content", "text", "finish_reason", "usage", "completion_tokens", "prompt_tokens", "error",
     "object", "reasoning", "type", "code"]
)  # fmt: skip


def read(*lines: bytes) -> object:
    """The reply to these lines, at a clock that stands."""
    return Stream(lambda: 1.0).read(lines)


def outcome(lines: list[bytes]) -> tuple[str, str]:
    """Result and detail, however the stream ends."""
    try:
        reply = Stream(lambda: 1.0).read(lines)
    except StreamError as error:
        return error.result, str(error)
    return reply.result, reply.detail


def text(value: str, reason: str = "null") -> bytes:
    """An event with a piece of text."""
    return b'data: {"choices": [{"text": "%s", "finish_reason": %s}]}\n' % (value.encode(), reason.encode())


def test_comments_blank_lines_and_other_fields_are_passed_over() -> None:
    """As the standard of server-sent events allows."""
    reply = read(b": ping\n", b"\r\n", b"event: x\n", b"id: 1\n", b"retry: 5\n", text("a"), b"data:[DONE]\r\n")
    assert (reply.result, reply.text, reply.generated_tokens) == ("success", "a", 1)  # type: ignore[attr-defined]  # a Reply


def test_without_usage_pieces_are_counted() -> None:
    """Tokens are then a lower estimate, and the prompt's are unknown."""
    reply = read(text("a"), text("b", '"length"'), DONE)
    assert (reply.generated_tokens, reply.prompt_tokens, reply.tokens) == (2, None, None)  # type: ignore[attr-defined]  # a Reply
    assert reply.finish_reason == "length"  # type: ignore[attr-defined]  # a Reply


def test_an_error_that_is_null_is_none() -> None:
    """Some servers write the field into every event."""
    line = b'data: {"error": null, "choices": [{"text": "a"}]}\n'
    assert read(line, DONE).result == "success"  # type: ignore[attr-defined]  # a Reply


@pytest.mark.parametrize(
    ("lines", "result"),
    [
        ([], "truncated"),
        ([text("a")], "truncated"),
        ([b'data: {"object": "error", "message": "m"}\n'], "error"),
        ([text("a", '"error"'), DONE], "error"),
        ([text("a", '"abort"'), DONE], "error"),
        ([b"data: 1\n"], "protocol"),
        ([b"data: {\n"], "protocol"),
        ([b"<html>\n"], "protocol"),
        ([b"data: " + b"[" * 100_000 + b"\n"], "protocol"),
    ],
)
def test_what_is_no_whole_stream_is_said(lines: list[bytes], result: str) -> None:
    """Each in a word and a line."""
    with pytest.raises(StreamError) as caught:
        read(*lines)
    assert caught.value.result == result
    assert len(str(caught.value).splitlines()) == 1


def test_a_long_answer_is_read_to_its_end_and_kept_in_part() -> None:
    """Memory is bounded, the verdict is not changed."""
    reply = read(*[text("x" * 1000)] * 100, DONE)
    assert len(reply.text) == MAX_TEXT  # type: ignore[attr-defined]  # a Reply
    assert reply.generated_tokens == 100  # type: ignore[attr-defined]  # a Reply


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (
            {"error": {"type": "BadRequestError", "code": 400, "message": "prompt"}},
            " (BadRequestError, 400)",
        ),
        ({"type": "x y z", "code": "prompt text"}, ""),
        ({"error": "text"}, ""),
        ([1], ""),
        (None, ""),
    ],
)
def test_of_an_error_only_words_are_kept(body: object, named: str) -> None:
    """Free text may repeat the prompt."""
    assert named_error(body) == named


@given(
    st.lists(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda data: b"data: " + data)), max_size=8)
)
def test_no_bytes_break_it(lines: list[bytes]) -> None:
    """Whatever comes, it is a reply or a StreamError of one line."""
    result, detail = outcome(lines)
    assert result in RESULTS
    assert len(detail.splitlines()) <= 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(FIELDS, json_values, max_size=4), max_size=4))
def test_no_event_breaks_it(events: list[dict[str, object]]) -> None:
    """Known fields of any shape: choices that are no list, deltas that are no mapping, counts that are no numbers."""
    lines = [b"data: " + json.dumps(event).encode() + b"\n" for event in events]
    assert outcome([*lines, DONE])[0] in {"success", "empty", "no_tokens", "error"}
