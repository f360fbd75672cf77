"""The configuration in force: from files that work, again when they change, kept when they are broken."""

from __future__ import annotations

import os
import ssl
import threading

import pytest

from forewarn.errors import ConfigError
from forewarn.web.live import OPEN, Live
from tests.tools.web_files import MUTUAL, WebFolder, hashed, tls_section


class Notes(list[tuple[str, str]]):
    """What was said, by level."""

    def __call__(self, level: str, text: str) -> None:
        """Take a line."""
        self.append((level, text))


def mistake(web: WebFolder, **keys: object) -> str:
    """The one line that a tls_server_config gives."""
    web.write(tls_section(**keys))
    with pytest.raises(ConfigError) as caught:
        Live(web.path)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    return line.replace(str(web.folder), "DIR").removeprefix("DIR/web.yml: tls_server_config.")


def test_without_a_file_everything_is_open() -> None:
    """And stays so, however often it is asked to be read."""
    live, notes = Live(), Notes()
    live.refresh(notes, asked=True)
    assert live.current() is OPEN
    assert notes == []


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"cert_file": "none.pem"}, "cert_file: expected a readable file, got DIR/none.pem: No such file or directory"),
        ({"key_file": "none.key"}, "key_file: expected a readable file, got DIR/none.key: No such file or directory"),
        ({"cert_file": "."}, "cert_file: expected a readable file, got DIR: Is a directory"),
        (
            {"key_file": "renewed.key"},
            "cert_file: expected a PEM certificate that fits the unencrypted key of key_file",
        ),
        ({"key_file": "encrypted.key"}, "cert_file: expected a PEM certificate that fits the unencrypted key of"),
        ({"cert_file": "make.sh"}, "cert_file: expected a PEM certificate that fits"),
        (MUTUAL | {"client_ca_file": "make.sh"}, "client_ca_file: expected PEM certificates"),
        (MUTUAL | {"client_ca_file": "none"}, "client_ca_file: expected a readable file, got DIR/none: No such"),
    ],
)
def test_files_that_cannot_be_used_are_one_line(web: WebFolder, keys: dict[str, object], says: str) -> None:
    """With the key that names them."""
    assert mistake(web, **keys).startswith(says)


def test_versions_ciphers_and_clients_reach_the_context(web: WebFolder) -> None:
    """As the file says, without resumption."""
    suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    made = Live(web.write(tls_section(**MUTUAL, max_version="TLS12", cipher_suites=[suite]))).current().context
    assert made is not None
    assert (made.minimum_version, made.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    assert "ECDHE-ECDSA-AES256-GCM-SHA384" in {each["name"] for each in made.get_ciphers()}
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" not in {each["name"] for each in made.get_ciphers()}
    assert made.verify_mode == ssl.CERT_REQUIRED
    assert made.options & ssl.OP_NO_TICKET
    assert made.num_tickets == 0


def test_probes_without_certificates_ask_for_one_only(web: WebFolder) -> None:
    """The handshake lets clients through that show none; the guard tells them apart."""
    made = Live(web.write(tls_section(**MUTUAL)), "no-certificate").current()
    assert made.context is not None
    assert made.context.verify_mode == ssl.CERT_OPTIONAL
    assert made.requires_certificate


def test_what_did_not_change_is_not_read_again(web: WebFolder) -> None:
    """Until somebody asks."""
    live, notes = Live(web.write(tls_section())), Notes()
    before = live.current()
    live.refresh(notes)
    assert (live.current(), notes) == (before, [])
    live.refresh(notes, asked=True)
    assert live.current() is not before
    assert notes == [("info", f"web configuration is read again: {web.path}")]


def test_a_renewed_certificate_is_taken_up(web: WebFolder) -> None:
    """Half-way, with the new key beside the old certificate, the old pair stays."""
    live, notes = Live(web.write(tls_section())), Notes()
    before = live.current()
    (web.folder / "renewed.key").replace(web.folder / "server.key")
    live.refresh(notes)
    live.refresh(notes)
    assert live.current() is before
    (web.folder / "renewed.pem").replace(web.folder / "server.pem")
    live.refresh(notes)
    assert live.current() is not before
    assert [level for level, _ in notes] == ["error", "info"]


def test_a_broken_file_keeps_what_was(web: WebFolder) -> None:
    """One line, however often it is looked at; mended, the file counts again."""
    users = {"basic_auth_users": {"alice": hashed()}}
    live, notes = Live(web.write(users)), Notes()
    before = live.current()
    web.write("basic_auth_users: {alice: hunter2}\n")
    for _ in range(3):
        live.refresh(notes)
    assert live.current() is before
    where = f"web configuration stays as it was: {web.path}: basic_auth_users.alice: expected a bcrypt hash"
    assert [text.partition(":  ")[0][: len(where)] for _, text in notes] == [where]
    assert "hunter2" not in notes[0][1]
    web.write({"basic_auth_users": {"bob": hashed()}})
    live.refresh(notes)
    assert list(live.current().config.users) == ["bob"]


@pytest.mark.parametrize("gone", ["web.yml", "server.key"])
def test_a_file_that_goes_keeps_what_was(web: WebFolder, gone: str) -> None:
    """And counts again when it is back."""
    live, notes = Live(web.write(tls_section())), Notes()
    before = live.current()
    (web.folder / gone).rename(web.folder / "away")
    live.refresh(notes)
    assert live.current() is before
    (web.folder / "away").rename(web.folder / gone)
    live.refresh(notes)
    assert [level for level, _ in notes] == ["error", "info"]


def test_a_file_that_is_named_before_it_is_there_is_waited_for(web: WebFolder) -> None:
    """What the newest file names is watched, not what the last good one named."""
    live, notes = Live(web.write("")), Notes()
    web.write(tls_section(cert_file="soon.pem"))
    live.refresh(notes)
    assert live.current().context is None
    os.link(web.folder / "server.pem", web.folder / "soon.pem")
    live.refresh(notes)
    assert live.current().context is not None


def test_it_is_looked_at_every_second_and_when_woken(web: WebFolder) -> None:
    """The thread ends with the sidecar."""
    live, stop, wake = Live(web.write("")), threading.Event(), threading.Event()
    read = threading.Event()
    thread = threading.Thread(target=live.run, args=(stop, wake, lambda _level, _text: read.set()))
    thread.start()
    wake.set()
    assert read.wait(10.0)
    read.clear()
    web.write({"basic_auth_users": {"bob": hashed()}})
    assert read.wait(10.0)
    stop.set()
    wake.set()
    thread.join(10.0)
    assert not thread.is_alive()
    assert list(live.current().config.users) == ["bob"]
