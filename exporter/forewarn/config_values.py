"""Readers of single settings: raw input (from YAML, a variable or a flag) to a value.

Each raises ValueError whose text completes "expected …".
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_MAX_PORT = 65535
_LONGEST = 366 * 86400.0
"""Seconds; far beyond use, and within what the system's timers take."""
_MOST_LENGTHS = 8
_LONGEST_PROMPT = 32_768
"""Tokens of a synthetic prompt."""


def text(raw: object) -> str:
    """Any single-line string; plain numbers are taken as they are written."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError("a string")
    value = str(raw)
    # Surrogates stand for bytes that are not UTF-8 and cannot be exported.
    if any(ord(char) < ord(" ") or "\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("a string of UTF-8 without line breaks or control characters")
    return value


def one_of(*words: str) -> Callable[[object], str]:
    """A reader of one of `words`."""

    def read(raw: object) -> str:
        if raw not in words:
            raise ValueError("one of " + ", ".join(words))
        return str(raw)

    return read


def number(raw: object, expected: str) -> float:
    """A finite number, `expected` named in the error."""
    try:
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            raise ValueError(expected)
        value = float(raw)
    except (ValueError, OverflowError):
        raise ValueError(expected) from None
    if not math.isfinite(value):
        raise ValueError(expected)
    return value


def positive(raw: object) -> float:
    """A number above zero."""
    value = number(raw, "a number above 0")
    if value <= 0:
        raise ValueError("a number above 0")
    return value


def not_negative(raw: object) -> float:
    """Zero or a number above it."""
    value = number(raw, "a number, 0 or more")
    if value < 0:
        raise ValueError("a number, 0 or more")
    return value


def whole(raw: object) -> int:
    """A whole number above zero."""
    value = number(raw, "a whole number above 0")
    if value <= 0 or value != int(value):
        raise ValueError("a whole number above 0")
    return int(value)


def ratio(raw: object) -> float:
    """A share between 0 and 1, not 0."""
    expected = "a share above 0 and at most 1 (0.85, not 85)"
    value = number(raw, expected)
    if not 0 < value <= 1:
        raise ValueError(expected)
    return value


def seconds(raw: object) -> float:
    """A duration above zero, a year at most: a number of seconds, or a number with ms, s, m, h or d."""
    expected = "a duration above 0 such as 0.25, 250ms, 2s or 5m"
    if isinstance(raw, str) and (match := _DURATION.fullmatch(raw.strip())):
        value = float(match[1]) * _UNITS[match[2]]
    else:
        value = number(raw, expected)
    if not 0 < value <= _LONGEST:
        raise ValueError(expected)
    return value


def switch(raw: object) -> bool:
    """True or false, on or off, yes or no."""
    words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
    word = str(raw).lower()
    if not isinstance(raw, bool | str) or word not in words:
        raise ValueError("true or false")
    return words[word]


def between(read: Callable[[object], float], least: float, most: float) -> Callable[[object], float]:
    """A reader of what `read` reads, within bounds that no setting lifts."""

    def bounded(raw: object) -> float:
        value = read(raw)
        if not least <= value <= most:
            raise ValueError(f"a value from {least:g} to {most:g}")
        return value

    return bounded


def lengths(raw: object) -> str:
    """One to eight lengths in tokens, as a list or divided by commas."""
    expected = "one to eight lengths in tokens such as 16,128,1024"
    items = raw if isinstance(raw, list) else str(raw).split(",") if isinstance(raw, str | int) else []
    try:
        found = [whole(item) for item in items]
    except ValueError:
        raise ValueError(expected) from None
    if not 0 < len(found) <= _MOST_LENGTHS or max(found) > _LONGEST_PROMPT or isinstance(raw, bool):
        raise ValueError(expected)
    return ",".join(str(item) for item in dict.fromkeys(found))


def http_url(raw: object) -> str:
    """An http or https address without query or fragment; a trailing slash is dropped."""
    expected = "an address such as http://127.0.0.1:8000"
    if not isinstance(raw, str):
        raise ValueError(expected)
    try:
        parts = urlsplit(raw.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or any(not "!" <= char <= "~" for char in raw.strip()):
        raise ValueError(expected)
    if parts.username or parts.password:
        raise ValueError(f"{expected}, without user or password")
    return raw.strip().rstrip("/")


def listen(raw: object) -> str:
    """HOST:PORT, :PORT for every address, [IPv6]:PORT; port 0 lets the system choose."""
    value = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    host, colon, port = value.rpartition(":")
    if not colon:
        host, port = "", value
    if not port.isdecimal() or int(port) > _MAX_PORT or (":" in host and not host.startswith("[")):
        raise ValueError("HOST:PORT such as 127.0.0.1:9841 or :9841")
    return f"{host}:{port}"


def split_listen(value: str) -> tuple[str, int]:
    """Host ("" for every address) and port of a `listen` value."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)
