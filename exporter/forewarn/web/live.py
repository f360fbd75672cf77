"""The web configuration in force: read again when one of its files changes, kept as it was when that fails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from forewarn.errors import ConfigError
from forewarn.web import file, tls
from forewarn.web.passwords import Passwords, library

if TYPE_CHECKING:
    import ssl
    import threading
    from collections.abc import Callable

    from forewarn.web.file import WebConfig

    Note = Callable[[str, str], None]
    """Takes a level and a line."""

_CHECK_SECONDS = 1.0

FULL, NO_PASSWORD, NO_CERTIFICATE = "full", "no-password", "no-certificate"
PROBE_ACCESS = (FULL, NO_PASSWORD, NO_CERTIFICATE)
"""What `/-/healthy` and `/-/ready` ask of a client: as much as every path, no password, or no certificate either."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A web configuration whose files are all read."""

    config: WebConfig
    context: ssl.SSLContext | None = None
    passwords: Passwords | None = None

    @property
    def client_sans(self) -> frozenset[str]:
        """The names of which a client's certificate must have one, none where any will do."""
        return self.config.tls.client_sans if self.config.tls else frozenset()

    @property
    def requires_certificate(self) -> bool:
        """Whether clients must show a certificate."""
        return bool(self.config.tls and self.config.tls.requires_certificate)


OPEN = Loaded(file.WebConfig())
"""No TLS, no passwords."""


class Live:
    """Holds the configuration. `current` may be read by every thread, `refresh` is for one."""

    def __init__(self, path: str = "", probe_access: str = NO_PASSWORD) -> None:
        """Read it for the first time. Raises ConfigError."""
        self._path = path
        self._access = probe_access
        self._passwords: Passwords | None = None
        self._watched: tuple[str, ...] = (path,)
        self._mark: tuple[object, ...] = ()
        self._loaded = self._read() if path else OPEN

    def current(self) -> Loaded:
        """What is in force now."""
        return self._loaded

    def refresh(self, note: Note, *, asked: bool = False) -> None:
        """Read the files again if one of them changed, or if that was asked for."""
        if not self._path or (self._mark == _look(self._watched) and not asked):
            return
        try:
            loaded = self._read()
        except ConfigError as error:
            note("error", f"web configuration stays as it was: {error}")
            return
        for line in loaded.config.warnings:
            note("warning", line)
        self._loaded = loaded
        note("info", f"web configuration is read again: {self._path}")

    def run(self, stop: threading.Event, wake: threading.Event, note: Note) -> None:
        """Refresh every second, and at once when woken, until `stop` is set."""
        while not stop.is_set():
            asked = wake.wait(_CHECK_SECONDS)
            wake.clear()
            if not stop.is_set():
                self.refresh(note, asked=asked)

    def _read(self) -> Loaded:
        # Looked at before each file is read, so that a change in between is seen as one.
        self._mark = _look(self._watched)
        config = file.read(self._path)
        self._watched = (self._path, *(config.tls.files() if config.tls else ()))
        self._mark = (self._mark[0], *_look(self._watched[1:]))
        made = None
        if config.tls is not None:
            made = tls.context(config.tls, ask_only=self._access == NO_CERTIFICATE)
        if config.users:
            self._passwords = self._passwords or Passwords(library(f"{self._path}: basic_auth_users"))
            self._passwords.forget(config.users)
        return Loaded(config, made, self._passwords if config.users else None)


def _look(files: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(map(_stat, files))


def _stat(path: str) -> tuple[object, ...]:
    try:
        stat = Path(path).stat()
    except OSError as error:
        return (path, error.errno)
    return (path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
