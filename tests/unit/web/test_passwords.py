"""Passwords: right, wrong, unknown and guessed, and what each costs."""

from __future__ import annotations

import base64
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import bcrypt
import pytest

from forewarn.errors import ConfigError
from forewarn.web.passwords import Passwords, credentials, library
from tests.tools.web_files import PASSWORD, hashed

if TYPE_CHECKING:
    from collections.abc import Callable

USERS = {"alice": hashed(), "bob": hashed("another")}


def header(name: str, password: str = PASSWORD) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class Counting:
    """The real bcrypt, and what it was asked; `before` runs at the start of a check."""

    def __init__(self) -> None:
        self.hashes: list[str] = []
        self.before: Callable[[], object] = lambda: None

    def checkpw(self, password: bytes, hashed_password: bytes) -> bool:
        """As bcrypt's."""
        self.hashes.append(hashed_password.decode())
        self.before()
        return bcrypt.checkpw(password, hashed_password)


class Clock:
    """A second passes at every look; naps are noted."""

    def __init__(self) -> None:
        self.time = 0.0
        self.naps: list[float] = []

    def now(self) -> float:
        """The time."""
        self.time += 1.0
        return self.time


def made() -> tuple[Passwords, Counting, Clock]:
    """Passwords with nothing checked yet."""
    counting, clock = Counting(), Clock()
    return Passwords(counting, clock.now, clock.naps.append), counting, clock


def test_right_wrong_and_unknown() -> None:
    """Each user's own password opens, nothing else does."""
    passwords, _, _ = made()
    assert passwords.check(USERS, header("alice")) == "right"
    assert passwords.check(USERS, header("bob", "another")) == "right"
    for wrong in (header("alice", "another"), header("bob"), header("carol"), header("alice", ""), header("")):
        assert passwords.check(USERS, wrong) == "wrong"


@pytest.mark.parametrize(
    "given", ["", "Basic", "Basic !", "Digest YTpi", "Basic YWxpY2U=", "Basic /////w==", "Basic ü"]
)
def test_a_header_that_names_nobody_costs_no_check(given: str) -> None:
    """No scheme, no base64, no colon, no UTF-8."""
    passwords, counting, _ = made()
    assert passwords.check(USERS, given) == "wrong"
    assert counting.hashes == []


def test_the_scheme_is_read_in_any_case_and_passwords_may_have_colons() -> None:
    """As RFC 7617 has it."""
    assert credentials("bAsIc " + base64.b64encode("ü:a:b".encode()).decode()) == ("ü", b"a:b")


def test_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    """One check each, of the same cost."""
    passwords, counting, clock = made()
    passwords.check(USERS, header("alice", "wrong"))
    passwords.check(USERS, header("nobody", "wrong"))
    known, unknown = counting.hashes
    assert (known, unknown[:7]) == (USERS["alice"], "$2b$04$")
    assert unknown not in USERS.values()
    assert clock.naps == [3.0, 3.0]


def test_a_right_password_is_computed_once() -> None:
    """So that a scrape does not pay for bcrypt; a wrong one beside it still does."""
    passwords, counting, clock = made()
    for _ in range(5):
        assert passwords.check(USERS, header("alice")) == "right"
    assert (len(counting.hashes), clock.naps) == (1, [])
    assert passwords.check(USERS, header("alice", "guess")) == "wrong"
    assert passwords.check(USERS, header("alice", "guess")) == "wrong"
    assert len(counting.hashes) == 3
    assert passwords.check(USERS, header("alice")) == "right"
    assert len(counting.hashes) == 3


def test_a_new_hash_is_a_new_question() -> None:
    """What was right under the old one is computed again, and refused."""
    passwords, _, _ = made()
    assert passwords.check(USERS, header("alice")) == "right"
    assert passwords.check({"alice": hashed("new")}, header("alice")) == "wrong"
    assert passwords.check({"bob": USERS["bob"]}, header("alice")) == "wrong"


def test_nothing_of_a_password_is_kept_but_a_digest() -> None:
    """Nor of users that are gone."""
    passwords, _, _ = made()
    passwords.check(USERS, header("alice"))
    assert PASSWORD not in repr(vars(passwords))
    assert list(passwords._right) == ["alice"]
    passwords.forget({"bob": USERS["bob"]})
    assert passwords._right == {}


def test_checks_wait_for_each_other_and_known_users_do_not() -> None:
    """While somebody guesses, a known scrape goes through, and one more guess is told to wait."""
    counting = Counting()
    passwords = Passwords(counting, patience=0.01)
    passwords.check(USERS, header("alice"))
    began, go_on = threading.Event(), threading.Event()
    counting.before = lambda: (began.set(), go_on.wait(10.0))
    guess = threading.Thread(target=passwords.check, args=(USERS, header("alice", "guess")))
    guess.start()
    assert began.wait(10.0)
    assert passwords.check(USERS, header("alice")) == "right"
    assert passwords.check(USERS, header("bob", "another")) == "busy"
    go_on.set()
    guess.join(10.0)
    assert passwords.check(USERS, header("bob", "another")) == "right"


@pytest.mark.parametrize("password", ["x" * 100, "a\0b"])
def test_odd_passwords_are_no_errors(password: str) -> None:
    """Bcrypt takes 72 bytes; a byte of zero is as good as any other, or wrong."""
    passwords, _, _ = made()
    stored = hashed("x" * 72) if "\0" not in password else USERS["alice"]
    verdict = passwords.check({"alice": stored}, header("alice", password))
    assert verdict == ("wrong" if "\0" in password else "right")


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, with the setting that needs it."""
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(ConfigError) as caught, suppress(ImportError):
        library("web.yml: basic_auth_users")
    expected = "web.yml: basic_auth_users: expected the package bcrypt: pip install 'forewarn[web]'"
    assert str(caught.value) == expected
