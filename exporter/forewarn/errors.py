"""Everything forewarn raises on purpose.

ForewarnError
├── ConfigError          a user's mistake in a file, variable or flag; final
├── FetchError           the engine did not give a whole page; try again
└── PageError            the engine gave a page that cannot be read; try again

Each message is one line that says where and what was expected, so that a caller can print it as it is.
"""

from __future__ import annotations


class ForewarnError(Exception):
    """Base of all errors below."""


class ConfigError(ForewarnError):
    """A setting is unusable. `where` is the key's path with its origin, `expected` what would be accepted."""

    def __init__(self, where: str, expected: str) -> None:
        super().__init__(f"{where}: {expected}")
        self.where = where
        self.expected = expected


class FetchError(ForewarnError):
    """A request to the engine failed.

    `kind` is a bounded word for metrics: refused, timeout, http_status, not_text, truncated, too_large,
    protocol, network.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class PageError(ForewarnError):
    """A page arrived whole and does not parse. `kind` is a bounded word for metrics: parse, encoding, too_large."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
