"""Basic authentication: names and bcrypt hashes, checked in a time that tells nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

from forewarn.errors import ConfigError
from forewarn.web.file import cost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Verdict = Literal["right", "wrong", "busy"]

_NOBODY = "$2b${cost:02d}$" + "abcdefghijklmnopqrstuu" + "0123456789ABCDEFGHIJKLMNOPQRSTU"
"""A hash that no password is known for: who is not there is checked against it."""
_MOST_BYTES = 72
"""What bcrypt takes of a password; htpasswd and Go leave out the rest as well."""
_PATIENCE = 5.0
"""Seconds that a check waits for its turn."""
_PAUSE = 3.0
"""Times the duration of a failed check that follows it: guessing takes at most a quarter of one core."""


class Bcrypt(Protocol):
    """What is used of the package bcrypt."""

    def checkpw(self, password: bytes, hashed_password: bytes) -> bool:
        """Whether the hash was made of the password."""


def library(where: str) -> Bcrypt:
    """The package bcrypt. Raises ConfigError, naming `where`, when it is not installed."""
    try:
        return cast("Bcrypt", import_module("bcrypt"))
    except ImportError:
        raise ConfigError(where, "expected the package bcrypt: pip install 'forewarn[web]'") from None


class Passwords:
    """Checks names and passwords. One check runs at a time; what was right once is not computed again.

    Nothing of a password is kept but a keyed digest, and that only of right ones: at most one for each user.
    """

    def __init__(
        self,
        bcrypt: Bcrypt,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = _PATIENCE,
    ) -> None:
        self._bcrypt = bcrypt
        self._now = now
        self._sleep = sleep
        self._patience = patience
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._turn = threading.Lock()

    def check(self, users: Mapping[str, str], authorization: str) -> Verdict:
        """Whether an Authorization header names a user with the right password; "busy" when too many guess."""
        given = credentials(authorization)
        if given is None:
            return "wrong"
        name, password = given
        hashed = users.get(name) or _NOBODY.format(cost=max(cost(each) for each in users.values()))
        mark = self._mark(name, hashed, password)
        # Looked up for unknown names as well, against a digest that is nobody's.
        known = hmac.compare_digest(self._right.get(name, self._key), mark)
        if known and name in users:
            return "right"
        if not self._turn.acquire(timeout=self._patience):
            return "busy"
        try:
            return self._compute(users, name, hashed, password, mark)
        finally:
            self._turn.release()

    def _compute(self, users: Mapping[str, str], name: str, hashed: str, password: bytes, mark: bytes) -> Verdict:
        started = self._now()
        try:
            same = self._bcrypt.checkpw(password[:_MOST_BYTES], hashed.encode("ascii"))
        except ValueError:  # a NUL byte, which old versions refuse
            same = False
        if same and name in users:
            self._right[name] = mark
            return "right"
        self._sleep(_PAUSE * (self._now() - started))
        return "wrong"

    def forget(self, users: Mapping[str, str]) -> None:
        """Keep nothing of users that are no longer there."""
        self._right = {name: mark for name, mark in self._right.items() if name in users}

    def _mark(self, name: str, hashed: str, password: bytes) -> bytes:
        """A digest of all three, so that a new hash is a new question."""
        parts = (name.encode(), hashed.encode(), password)
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._key, text, hashlib.sha256).digest()


def credentials(authorization: str) -> tuple[str, bytes] | None:
    """Name and password of an Authorization header, None where it is none of ours."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (name.decode("utf-8"), password) if colon else None
    except (binascii.Error, ValueError):
        return None
