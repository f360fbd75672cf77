"""What the page server can get wrong, and what it does to a page's text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from tests.tools.raw_server import Reply

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


class Fault(Enum):
    """What goes wrong, where there is no amount to it."""

    REFUSE = auto()
    """Nothing listens on the port, open connections are closed. Holds for every path."""
    HALF_OPEN = auto()
    """The request is read and never answered; the connection stays open."""
    CUT = auto()
    """The whole length is announced, half of the body is sent, the connection closes."""
    HTML = auto()
    """200 with an HTML page, as a proxy's error page."""
    GZIP = auto()
    """The body is compressed whatever the client accepts."""
    NAN = auto()
    """Every value of the page is NaN."""
    DUPLICATE = auto()
    """Every sample stands twice."""
    CHUNKED = auto()
    """The page in chunks without Content-Length; valid HTTP."""
    REDIRECT = auto()
    """307 from /metrics to /metrics/, as old releases answer."""


@dataclass(frozen=True, slots=True)
class Slow:
    """The answer comes after so many seconds, or when the server closes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """The answer has this HTTP status and a short body."""

    code: int


@dataclass(frozen=True, slots=True)
class Flood:
    """A chunked body of so many bytes, or without end when None."""

    size: int | None = None


@dataclass(frozen=True, slots=True)
class WrongLength:
    """Content-Length is off by so many bytes; the connection closes after the true body."""

    offset: int


Mode = Fault | Slow | Status | Flood | WrongLength | Reply
"""A Reply is what no HTTP library would send."""


def _sample_name(line: str) -> str:
    return line.partition("{")[0].partition(" ")[0]


def _blocks(page: str) -> Iterator[tuple[list[str], list[str]]]:
    """Split a page into families: comment lines and sample lines."""
    head: list[str] = []
    samples: list[str] = []
    for line in page.splitlines():
        if line.startswith("#") and samples:
            yield head, samples
            head, samples = [], []
        (head if line.startswith("#") else samples).append(line)
    yield head, samples


def filtered(page: str, names: Collection[str]) -> str:
    """Keep the samples with these exact names and the head of their families, as prometheus_client does.

    Families keep the page's order; in prometheus_client it is that of a set.
    """
    lines: list[str] = []
    for head, samples in _blocks(page):
        kept = [line for line in samples if _sample_name(line) in names]
        if kept:
            # A family without samples leaves its head in front of the next one.
            lines += [*head[-2:], *kept]
    return "".join(f"{line}\n" for line in lines)


def spoiled(page: str, fault: Fault) -> str:
    """Apply NAN or DUPLICATE to every sample; any other fault leaves the text alone."""
    lines: list[str] = []
    for line in page.splitlines():
        is_sample = bool(line) and not line.startswith("#")
        changed = f"{line.rpartition(' ')[0]} NaN" if is_sample and fault is Fault.NAN else line
        lines += [changed] * (2 if is_sample and fault is Fault.DUPLICATE else 1)
    return "".join(f"{line}\n" for line in lines)
