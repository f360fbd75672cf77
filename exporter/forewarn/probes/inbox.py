"""How scores from elsewhere arrive: a watched file, and posts."""

from __future__ import annotations

import hmac
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from forewarn.probes import scores

if TYPE_CHECKING:
    from forewarn.monitor import Monitor
    from forewarn.probes.scores import Scoreboard, Source

MAX_BYTES = 1 << 16


class Inbox:
    """Takes documents of scores into the scoreboard, counts them, and keeps the last error of each source."""

    def __init__(self, board: Scoreboard, monitor: Monitor) -> None:
        self.taken: Counter[tuple[str, str]] = Counter()
        """(source, accepted or rejected) → documents."""
        self.errors: dict[str, str] = {}
        self._board = board
        self._monitor = monitor

    def take(self, document: bytes, source: Source, time: float | None = None) -> list[str]:
        """Take a document, whole or not at all; returns its suites. Raises ValueError, one line.

        `time` is that of the document in seconds since the epoch, default now. A file is all that is known from
        files, so that suites that left it are forgotten; posts add up.
        """
        with self._monitor.lock:
            now = self._monitor.clock.wall()
            try:
                found = scores.read(_text(document), source, now if time is None else time)
                self._board.take(found, now)
            except ValueError as error:
                self.reject(source, str(error))
                raise
            names = [score.suite for score in found]
            if source == "file":
                self._board.drop("file", keep=names)
            self.taken[source, "accepted"] += 1
            if self.errors.pop(source, None) is not None:
                self._monitor.note("info", f"quality scores by {source}: accepted again")
            return names

    def reject(self, source: Source, why: str) -> None:
        """Count a document that is not taken; each new reason is one line of the log."""
        with self._monitor.lock:
            self.taken[source, "rejected"] += 1
            if self.errors.get(source) != why:
                self._monitor.note("warning", f"quality scores by {source}: {why}")
            self.errors[source] = why


class ScoreFile:
    """Watches the file. What cannot be read leaves the last scores standing until they are too old."""

    def __init__(self, path: str, inbox: Inbox) -> None:
        self._path = Path(path)
        self._inbox = inbox
        self._seen: tuple[object, ...] | None = None

    def step(self) -> bool:
        """Read the file if it changed. Sends no request, so always False."""
        try:
            stat = self._path.stat()
            mark: tuple[object, ...] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if mark == self._seen:
                return False
            self._seen = mark
            if stat.st_size > MAX_BYTES:
                raise ValueError(f"expected at most {MAX_BYTES} bytes, got {stat.st_size}")
            document = self._path.read_bytes()
        except OSError as error:
            self._missing(error.strerror or type(error).__name__)
            return False
        except ValueError as error:
            self._inbox.reject("file", str(error))
            return False
        try:
            self._inbox.take(document, "file", stat.st_mtime)
        except ValueError:
            return False  # counted, logged, and shown on the status page
        return False

    def _missing(self, why: str) -> None:
        if self._seen != (why,):
            self._seen = (why,)
            self._inbox.reject("file", f"expected a readable file, got {self._path}: {why}")


class Post:
    """`POST /-/quality`: a document of scores from whoever has the token."""

    def __init__(self, token: str, inbox: Inbox) -> None:
        self._token = token
        self._inbox = inbox

    @property
    def is_open(self) -> bool:
        """Whether a token is configured; nobody can post without one."""
        return bool(self._token)

    def authorized(self, header: str) -> bool:
        """Whether an Authorization header carries the token."""
        scheme, _, given = header.partition(" ")
        same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token.encode())
        return self.is_open and scheme.lower() == "bearer" and same

    def refuse(self, why: str) -> None:
        """Count a post that is turned away."""
        self._inbox.reject("post", why)

    def take(self, document: bytes) -> list[str]:
        """Take a document; returns its suites. Raises ValueError, one line."""
        return self._inbox.take(document, "post")


def _text(document: bytes) -> str:
    if len(document) > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES} bytes")
    try:
        return document.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("expected UTF-8 text") from None
