"""The web configuration file: exporter-toolkit's format, each mistake one line with its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forewarn.errors import ConfigError
from forewarn.web import file
from tests.tools.web_files import MUTUAL, hashed, tls_section

if TYPE_CHECKING:
    from tests.tools.web_files import WebFolder

HASH = hashed()


def mistake(web: WebFolder, text: str) -> str:
    """The one line that a file of this text gives, with FILE for its name."""
    web.write(text)
    with pytest.raises(ConfigError) as caught:
        file.read(web.path)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    return line.replace(web.path, "FILE")


def test_an_empty_file_protects_nothing(web: WebFolder) -> None:
    """As in exporter-toolkit."""
    assert file.read(web.write("")) == file.WebConfig()
    assert file.read(web.write("tls_server_config:\nbasic_auth_users: {}\n")) == file.WebConfig()


def test_everything_that_is_offered(web: WebFolder) -> None:
    """Files are found beside the file; defaults are exporter-toolkit's."""
    more = {
        "http_server_config": {"http2": False, "headers": {"X-Frame-Options": "deny", "X-XSS-Protection": ""}},
        "basic_auth_users": {"prometheus": HASH, 7: HASH},
    }
    found = file.read(web.write(tls_section(**MUTUAL, client_allowed_sans=["prometheus"], min_version="TLS13"), more))
    tls = found.tls
    assert tls is not None
    assert tls.files() == tuple(str(web.folder / name) for name in ("server.pem", "server.key", "authority.pem"))
    assert (tls.client_auth, tls.client_sans) == ("RequireAndVerifyClientCert", {"prometheus"})
    assert (tls.min_version, tls.max_version, tls.prefer_own) == ("TLS13", "TLS13", True)
    assert found.headers == (("X-Frame-Options", "deny"),)
    assert found.users == {"prometheus": HASH, "7": HASH}
    assert found.warnings == ()


def test_files_may_be_named_from_the_root(web: WebFolder) -> None:
    """Then the folder of the file does not matter."""
    found = file.read(web.write(tls_section(cert_file="/etc/tls/tls.crt")))
    assert found.tls is not None
    assert found.tls.cert_file == "/etc/tls/tls.crt"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- a\n", "FILE: expected a mapping of settings, got a list"),
        ("tls_server_config: {cert_file: [\n", "FILE:2:1: expected valid YAML"),
        ("tls_server: {}\n", "FILE: tls_server: unknown key, did you mean tls_server_config?"),
        ("tls_server_config: yes\n", "FILE: tls_server_config: expected a mapping, got a bool"),
        ("tls_server_config: {key_file: k}\n", "FILE: tls_server_config.cert_file: expected the name of a file"),
        ("tls_server_config: {cert_file: c}\n", "FILE: tls_server_config.key_file: expected the name of a file"),
        ("tls_server_config: {cert_file: c, cert_fil: d}\n", "FILE: tls_server_config.cert_fil: unknown key, did you"),
        ("tls_server_config: {cert: x}\n", "FILE: tls_server_config.cert: expected cert_file: "),
        ("tls_server_config: {key: SECRET}\n", "FILE: tls_server_config.key: expected key_file: "),
        ("tls_server_config: {cert_file: [c], key_file: k}\n", "FILE: tls_server_config.cert_file: expected the name"),
        (
            "tls_server_config: {cert_file: c, key_file: k, client_auth_type: Always}\n",
            "FILE: tls_server_config.client_auth_type: expected one of NoClientCert, VerifyClientCertIfGiven, Require",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, client_auth_type: RequireAnyClientCert}\n",
            "FILE: tls_server_config.client_auth_type: expected one of NoClientCert",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, client_auth_type: RequireAndVerifyClientCert}\n",
            "FILE: tls_server_config.client_ca_file: expected the name of a file, since clients are Require",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, client_ca_file: a}\n",
            "FILE: tls_server_config.client_auth_type: expected VerifyClientCertIfGiven or RequireAndVerify",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, client_allowed_sans: [a]}\n",
            "FILE: tls_server_config.client_allowed_sans: expected client_auth_type: RequireAndVerifyClientCert",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, client_allowed_sans: []}\n",
            "FILE: tls_server_config.client_allowed_sans: expected at least one name",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, min_version: TLS10}\n",
            "FILE: tls_server_config.min_version: expected one of TLS12, TLS13, got 'TLS10'",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, min_version: TLS13, max_version: TLS12}\n",
            "FILE: tls_server_config.min_version: expected at most max_version (TLS12), got TLS13",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}\n",
            "FILE: tls_server_config.cipher_suites: expected one of TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, cipher_suites: one}\n",
            "FILE: tls_server_config.cipher_suites: expected a list of names",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, curve_preferences: [X25519]}\n",
            "FILE: tls_server_config.curve_preferences: not offered",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, prefer_server_cipher_suites: maybe}\n",
            "FILE: tls_server_config.prefer_server_cipher_suites: expected true or false",
        ),
        ("http_server_config: {http2: perhaps}\n", "FILE: http_server_config.http2: expected true or false"),
        (
            "http_server_config: {headers: {X-Powered-By: a}}\n",
            "FILE: http_server_config.headers.X-Powered-By: unknown",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: never}}\n",
            "FILE: http_server_config.headers.X-Frame-Options: expected deny or sameorigin",
        ),
        (
            'http_server_config: {headers: {Strict-Transport-Security: "a\\r\\nX: b"}}\n',
            "FILE: http_server_config.headers.Strict-Transport-Security: expected a line of plain text",
        ),
        ("basic_auth_users: [alice]\n", "FILE: basic_auth_users: expected a mapping, got a list"),
        ("basic_auth_users: {alice: hunter2}\n", "FILE: basic_auth_users.alice: expected a bcrypt hash: $2y$10$ and"),
        ("basic_auth_users: {alice: }\n", "FILE: basic_auth_users.alice: expected a bcrypt hash"),
        ('basic_auth_users: {"a:b": x}\n', "FILE: basic_auth_users: expected names of printable characters"),
        ("basic_auth_users: {a: 1, a: 2}\n", "FILE:1:"),
        (
            f"basic_auth_users: {{alice: {HASH.replace('$04$', '$20$')}}}\n",
            "FILE: basic_auth_users.alice: expected a cost from 4 to 16, got 20",
        ),
        ("rate_limit: {burst: 5}\n", "FILE: rate_limit: not offered: connections are limited instead"),
    ],
)
def test_each_mistake_is_one_line_with_its_key(web: WebFolder, text: str, says: str) -> None:
    """Where, and what was expected; never a secret."""
    line = mistake(web, text)
    assert line.startswith(says)
    assert not any(secret in line for secret in ("hunter2", "SECRET", HASH[7:]))


def test_a_file_that_is_not_there_is_one_line(web: WebFolder) -> None:
    """With its name."""
    with pytest.raises(ConfigError, match=r"web\.yml: expected a readable YAML file: No such file or directory$"):
        file.read(web.path)


def test_what_works_less_than_it_looks_is_a_warning(web: WebFolder) -> None:
    """HTTP/2, another policy of the pages, and users whom the time of a check tells apart."""
    sections = {
        "http_server_config": {"http2": True, "headers": {"Content-Security-Policy": "default-src *"}},
        "basic_auth_users": {"a": HASH, "b": hashed(cost=5)},
    }
    warnings = file.read(web.write(sections)).warnings
    assert [line.removeprefix(web.path + ": ").partition(": ")[0] for line in warnings] == [
        "http_server_config.http2",
        "http_server_config.headers.Content-Security-Policy",
        "basic_auth_users",
    ]


def test_what_is_shown_of_it_has_no_hash(web: WebFolder) -> None:
    """Neither in a log nor in a failed test."""
    assert HASH not in repr(file.read(web.write({"basic_auth_users": {"a": HASH}})))
