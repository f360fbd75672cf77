"""Log lines: one write each, readable by machines, and never a reason to stop."""

from __future__ import annotations

import errno
import io
import json

import pytest

from forewarn.clock import ManualClock
from forewarn.logs import LEVELS, Log


def lines(level: str, form: str = "logfmt", **fields: object) -> str:
    """What a log of this level writes for one line of each level."""
    stream = io.StringIO()
    log = Log(ManualClock(1000.0), level, form, stream)
    for each in LEVELS:
        log.write(each, "engine unreachable", **fields)
    return stream.getvalue()


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_lines_below_the_level_are_dropped(level: str, shown: int) -> None:
    """Only lines of the level or worse are written, each ended by one line feed."""
    text = lines(level)
    assert text.count("\n") == shown
    assert f"level={level}" in text.splitlines()[0]


def test_a_logfmt_line_quotes_what_needs_it() -> None:
    """Spaces, quotes, line feeds and empty values are quoted, plain words are not."""
    text = lines("error", a="plain", b='a "b"\nc', c="", d=2.5, e="k=v")
    assert text == ('ts=1000.0 level=error msg="engine unreachable" a=plain b="a \\"b\\"\\nc" c="" d=2.5 e="k=v"\n')


def test_a_json_line_is_one_object() -> None:
    """Each line parses on its own, and values keep their type."""
    text = lines("error", "json", engine="http://e", polls=3, other=OSError("x"))
    assert json.loads(text) == {
        "ts": 1000.0, "level": "error", "msg": "engine unreachable", "engine": "http://e", "polls": 3, "other": "x",
    }  # fmt: skip
    assert text.count("\n") == 1


class _Full(io.StringIO):
    attempts = 0

    def write(self, _text: str) -> int:
        self.attempts += 1
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_stream_that_takes_nothing_is_no_error() -> None:
    """A full disk under the log does not end what is being logged about."""
    stream = _Full()
    log = Log(ManualClock(), stream=stream)
    log.write("error", "one")
    log.write("error", "two")
    assert stream.attempts == 2


def test_the_default_stream_is_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output stays free for what was asked for."""
    Log(ManualClock(1000.0)).write("info", "hello")
    assert capsys.readouterr() == ("", "ts=1000.0 level=info msg=hello\n")
