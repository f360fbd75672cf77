"""TLS as the web configuration wants it, by the standard library's ssl."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forewarn.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CLIENT_AUTH: Mapping[str, ssl.VerifyMode] = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
"""exporter-toolkit's other policies ask for certificates that nobody verifies."""

VERSIONS: Mapping[str, ssl.TLSVersion] = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

CIPHERS: Mapping[str, str] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
"""Go's names → OpenSSL's, of TLS 1.2; those of TLS 1.3 are not configurable."""

_SAN_KINDS = frozenset({"DNS", "IP Address", "email", "URI"})


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The section `tls_server_config`, checked. `where` names it in errors."""

    cert_file: str
    key_file: str
    client_ca_file: str
    client_auth: str
    client_sans: frozenset[str]
    min_version: str
    max_version: str
    cipher_suites: tuple[str, ...]
    prefer_own: bool
    where: str

    @property
    def requires_certificate(self) -> bool:
        """Whether clients must show one."""
        return self.client_auth == "RequireAndVerifyClientCert"

    def files(self) -> tuple[str, ...]:
        """Every file that it is made of."""
        return tuple(name for name in (self.cert_file, self.key_file, self.client_ca_file) if name)


def context(tls: TlsFiles, *, ask_only: bool = False) -> ssl.SSLContext:
    """A context for new connections. Raises ConfigError for files that cannot be used.

    With `ask_only` a client without a certificate gets through the handshake, one with a wrong one does not.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version, made.maximum_version = VERSIONS[tls.min_version], VERSIONS[tls.max_version]
    # Sessions are not resumed: a resumed one would not show its certificate to a newer authority.
    made.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    made.num_tickets = 0
    if tls.prefer_own:
        made.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    if tls.cipher_suites:
        made.set_ciphers(":".join(CIPHERS[suite] for suite in tls.cipher_suites))
    made.set_alpn_protocols(["http/1.1"])
    _load_key(made, tls)
    if tls.client_ca_file:
        _load_authority(made, tls)
    mode = CLIENT_AUTH[tls.client_auth]
    made.verify_mode = ssl.CERT_OPTIONAL if ask_only and mode == ssl.CERT_REQUIRED else mode
    return made


def allowed(certificate: Mapping[str, Any], names: frozenset[str]) -> bool:
    """Whether one of a certificate's alternative names is among `names`."""
    return any(name in names for name in _names(certificate))


def _names(certificate: Mapping[str, Any]) -> Iterator[str]:
    for kind, name in certificate.get("subjectAltName", ()):
        if kind in _SAN_KINDS:
            yield name


def _load_key(made: ssl.SSLContext, tls: TlsFiles) -> None:
    for key in ("cert_file", "key_file"):
        _readable(tls, key)
    try:
        # Without a password of its own OpenSSL would ask for one on the terminal.
        made.load_cert_chain(tls.cert_file, tls.key_file, password="")
    except (OSError, ValueError) as error:
        where = f"{tls.where}.cert_file"
        expected = "expected a PEM certificate that fits the unencrypted key of key_file"
        raise ConfigError(where, f"{expected}: {_reason(error)}") from None


def _load_authority(made: ssl.SSLContext, tls: TlsFiles) -> None:
    _readable(tls, "client_ca_file")
    try:
        made.load_verify_locations(cafile=tls.client_ca_file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{tls.where}.client_ca_file", f"expected PEM certificates: {_reason(error)}") from None


def _readable(tls: TlsFiles, key: str) -> None:
    path = str(getattr(tls, key))
    try:
        with Path(path).open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise ConfigError(f"{tls.where}.{key}", f"expected a readable file, got {path}: {error.strerror}") from None


def _reason(error: Exception) -> str:
    """OpenSSL's word for it, in small letters."""
    word = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(word).replace("_", " ").lower() if word else "not understood"
