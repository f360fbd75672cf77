"""Web configuration files and certificates for tests."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

TLS = Path(__file__).parents[1] / "fixtures" / "tls"
AUTHORITY = TLS / "authority.pem"
PASSWORD = "correct horse"  # noqa: S105  of these tests
COST = 4
"""The least that bcrypt takes, so that tests need not wait."""


def hashed(password: str = PASSWORD, cost: int = COST) -> str:
    """A bcrypt hash."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def tls_section(**keys: object) -> dict[str, object]:
    """A tls_server_config; values of None leave a key out."""
    section = {"cert_file": "server.pem", "key_file": "server.key", **keys}
    return {"tls_server_config": {key: value for key, value in section.items() if value is not None}}


MUTUAL = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "authority.pem"}


class WebFolder:
    """A folder with a web configuration file and the certificates beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = str(folder / "web.yml")
        for file in TLS.iterdir():
            shutil.copy(file, folder)

    def write(self, *sections: Mapping[str, object] | str) -> str:
        """Write the file: sections that are merged, or a text; returns its name."""
        texts = [each for each in sections if isinstance(each, str)]
        merged = {key: value for each in sections if not isinstance(each, str) for key, value in each.items()}
        text = texts[0] if texts else yaml.safe_dump(merged)
        # Beside and then over it, as a mounted secret changes: nobody reads half a file.
        new = self.folder / "web.yml.new"
        new.write_text(text, encoding="utf-8")
        new.replace(self.path)
        return self.path

    def rotate(self) -> None:
        """Put the renewed certificate in the place of the server's, key first."""
        for kind in ("key", "pem"):
            shutil.copy(self.folder / f"renewed.{kind}", self.folder / "new")
            (self.folder / "new").replace(self.folder / f"server.{kind}")


def client_context(certificate: str | None = None) -> ssl.SSLContext:
    """What a client trusts, and what it shows."""
    context = ssl.create_default_context(cafile=str(AUTHORITY))
    if certificate:
        context.load_cert_chain(TLS / f"{certificate}.pem", TLS / f"{certificate}.key")
    return context
