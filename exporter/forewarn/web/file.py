"""The web configuration file, in the format of Prometheus's exporter-toolkit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forewarn.config import StrictLoader, nearest, read_yaml
from forewarn.errors import ConfigError
from forewarn.web.tls import CIPHERS, CLIENT_AUTH, VERSIONS, TlsFiles

_USER = re.compile(r"[^:\x00-\x1f\x7f]{1,128}")
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_LEAST_COST, _MOST_COST = 4, 16
"""Each step doubles the time of a check; 16 takes seconds."""
_HEADER_VALUE = re.compile(r"[ -~]{1,1024}")
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""Header → the values it may have, none for any."""
_NOT_OFFERED: Mapping[str, str] = {
    "tls_server_config.cert": "expected cert_file: certificates are read from files only",
    "tls_server_config.key": "expected key_file: keys are read from files only",
    "tls_server_config.client_ca": "expected client_ca_file: certificates are read from files only",
    "tls_server_config.curve_preferences": "not offered: the order is OpenSSL's",
    "rate_limit": "not offered: connections are limited instead",
}


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the file says. `users` holds bcrypt hashes by name; `warnings` are lines worth logging."""

    tls: TlsFiles | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()


def read(path: str) -> WebConfig:
    """The file's settings. Raises ConfigError for the first mistake, with the path of its key and never with a hash."""
    reader = _Reader(path)
    tree = reader.mapping(read_yaml(path, StrictLoader), "", _SECTIONS)
    tls = reader.mapping(tree.get("tls_server_config"), "tls_server_config", _TLS_KEYS)
    http = reader.mapping(tree.get("http_server_config"), "http_server_config", ("http2", "headers"))
    warnings = []
    if http.get("http2") not in (None, False):
        if http["http2"] is not True:
            raise reader.error("http_server_config.http2", "expected true or false")
        warnings.append(f"{path}: http_server_config.http2: not offered, HTTP/1.1 is served")
    headers = _headers(reader, http.get("headers"))
    if any(name == "Content-Security-Policy" for name, _ in headers):
        key = "http_server_config.headers.Content-Security-Policy"
        warnings.append(f"{path}: {key}: the pages keep their own, stricter one")
    users = _users(reader, tree.get("basic_auth_users"))
    if len({cost(hashed) for hashed in users.values()}) > 1:
        warnings.append(f"{path}: basic_auth_users: hashes of different cost tell users apart by time")
    return WebConfig(_tls(reader, tls) if tls else None, headers, users, tuple(warnings))


def cost(hashed: str) -> int:
    """The cost of a bcrypt hash: the logarithm of its rounds."""
    return int(hashed[4:6])


_SECTIONS = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
_TLS_KEYS = (
    "cert_file", "key_file", "client_auth_type", "client_ca_file", "client_allowed_sans", "min_version", "max_version",
    "cipher_suites", "prefer_server_cipher_suites", "cert", "key", "client_ca", "curve_preferences",
)  # fmt: skip


class _Reader:
    """Values of one file, and what is said about wrong ones."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._folder = Path(path).parent

    def error(self, key: str, expected: str) -> ConfigError:
        return ConfigError(f"{self.path}: {key}" if key else self.path, expected)

    def mapping(self, value: object, key: str, known: tuple[str, ...] | None = None) -> dict[str, object]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.error(key, f"expected a mapping, got a {type(value).__name__}")
        found = {str(name): each for name, each in value.items()}
        for name in found if known is not None else ():
            where = f"{key}.{name}".lstrip(".")
            if name not in (known or ()):
                shown = where if where.isprintable() else repr(where)[1:-1]
                raise self.error(shown, "unknown key" + nearest(name, list(known or ())))
            if where in _NOT_OFFERED and found[name] not in (None, "", []):
                raise self.error(where, _NOT_OFFERED[where])
        return found

    def one_of(self, value: object, key: str, words: Mapping[str, object], default: str) -> str:
        if value in (None, ""):
            return default
        if not isinstance(value, str) or value not in words:
            raise self.error(key, f"expected one of {', '.join(words)}, got {value!r:.80}")
        return value

    def listed(self, value: object, key: str) -> tuple[str, ...]:
        items = [] if value is None else value
        if not isinstance(items, list) or not all(isinstance(item, str) and item for item in items):
            raise self.error(key, "expected a list of names")
        return tuple(items)

    def file(self, value: object, key: str) -> str:
        if value in (None, ""):
            return ""
        if not isinstance(value, str):
            raise self.error(key, "expected the name of a file")
        return str(self._folder / value)


def _tls(reader: _Reader, section: Mapping[str, object]) -> TlsFiles | None:
    def where(key: str) -> str:
        return f"tls_server_config.{key}"

    names = {key: reader.file(section.get(key), where(key)) for key in ("cert_file", "key_file", "client_ca_file")}
    for key in ("cert_file", "key_file"):
        if not names[key]:
            raise reader.error(where(key), "expected the name of a file, since there is a tls_server_config")
    auth = reader.one_of(section.get("client_auth_type"), where("client_auth_type"), CLIENT_AUTH, "NoClientCert")
    _check_client_keys(reader, auth, names["client_ca_file"], section.get("client_allowed_sans"))
    least = reader.one_of(section.get("min_version"), where("min_version"), VERSIONS, "TLS12")
    most = reader.one_of(section.get("max_version"), where("max_version"), VERSIONS, "TLS13")
    if VERSIONS[least] > VERSIONS[most]:
        raise reader.error(where("min_version"), f"expected at most max_version ({most}), got {least}")
    suites = reader.listed(section.get("cipher_suites"), where("cipher_suites"))
    for suite in suites:
        reader.one_of(suite, where("cipher_suites"), CIPHERS, "")
    prefer = section.get("prefer_server_cipher_suites")
    if prefer not in (None, True, False):
        raise reader.error(where("prefer_server_cipher_suites"), "expected true or false")
    return TlsFiles(
        **names,
        client_auth=auth,
        client_sans=frozenset(reader.listed(section.get("client_allowed_sans"), where("client_allowed_sans"))),
        min_version=least,
        max_version=most,
        cipher_suites=suites,
        prefer_own=prefer is not False,
        where=f"{reader.path}: tls_server_config",
    )


def _check_client_keys(reader: _Reader, auth: str, ca_file: str, sans: object) -> None:
    """What belongs together: a CA and a policy that verifies, names and a policy that requires."""
    if ca_file and auth == "NoClientCert":
        expected = "expected VerifyClientCertIfGiven or RequireAndVerifyClientCert, since there is a client_ca_file"
        raise reader.error("tls_server_config.client_auth_type", expected)
    if auth != "NoClientCert" and not ca_file:
        raise reader.error("tls_server_config.client_ca_file", f"expected the name of a file, since clients are {auth}")
    if sans == []:
        raise reader.error("tls_server_config.client_allowed_sans", "expected at least one name")
    if sans is not None and auth != "RequireAndVerifyClientCert":
        expected = "expected client_auth_type: RequireAndVerifyClientCert beside it"
        raise reader.error("tls_server_config.client_allowed_sans", expected)


def _headers(reader: _Reader, section: object) -> tuple[tuple[str, str], ...]:
    prefix = "http_server_config.headers"
    found = []
    for name, value in reader.mapping(section, prefix, tuple(_HEADERS)).items():
        if value in (None, ""):
            continue
        values = _HEADERS[name]
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value) or (values and value not in values):
            expected = f"expected {' or '.join(values)}" if values else "expected a line of plain text"
            raise reader.error(f"{prefix}.{name}", expected)
        found.append((name, value))
    return tuple(found)


def _users(reader: _Reader, section: object) -> dict[str, str]:
    users: dict[str, str] = {}
    for name, value in reader.mapping(section, "basic_auth_users").items():
        if not _USER.fullmatch(name):
            raise reader.error("basic_auth_users", "expected names of printable characters without a colon")
        match = _HASH.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            expected = "expected a bcrypt hash: $2y$10$ and 53 more characters"
            raise reader.error(f"basic_auth_users.{name}", expected)
        if not _LEAST_COST <= int(match[1]) <= _MOST_COST:
            expected = f"expected a cost from {_LEAST_COST} to {_MOST_COST}, got {int(match[1])}"
            raise reader.error(f"basic_auth_users.{name}", expected)
        users[name] = str(value)
    return users
