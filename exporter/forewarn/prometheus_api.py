"""Questions to a Prometheus, or whatever speaks its HTTP API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from forewarn.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 30.0
"""Seconds for one question: a week's history is read."""
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, and its values as (unix seconds, value). An instant answer has one value."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """A server to ask. `where` is the flag that named it; every failure is one ConfigError that starts with it."""

    def __init__(self, url: str, where: str, token_file: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(where, f"expected an http or https address, got {_public(url)}")
        self._base = url.rstrip("/")
        self._where = where
        self._headers = {"Authorization": f"Bearer {_token(token_file)}"} if token_file else {}

    def instant(self, query: str, at: float) -> list[Series]:
        """The answer at one moment."""
        found = self._ask("query", {"query": query, "time": f"{at:.3f}"})
        return [Series(item["metric"], (_point(item["value"]),)) for item in found]

    def range(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """The answer at every `step` seconds from `start` to `end`."""
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return [Series(item["metric"], tuple(map(_point, item["values"]))) for item in self._ask("query_range", asked)]

    def _ask(self, path: str, data: dict[str, str]) -> list[Any]:
        import requests  # noqa: PLC0415  a running sidecar never asks, and need not carry it in memory

        try:
            answer = requests.post(
                f"{self._base}/api/v1/{path}", data=data, headers=self._headers, timeout=TIMEOUT, allow_redirects=False
            )
            body = answer.json()
        except requests.exceptions.JSONDecodeError:
            raise ConfigError(
                self._where,
                f"expected the Prometheus API at {_public(self._base)}, got HTTP status {answer.status_code}",
            ) from None
        except requests.RequestException as error:
            raise ConfigError(
                self._where, f"expected a Prometheus at {_public(self._base)}: {type(error).__name__}"
            ) from None
        if not isinstance(body, dict) or body.get("status") != "success":
            reason = body.get("error", "no reason given") if isinstance(body, dict) else "not its API"
            raise ConfigError(self._where, f"{_public(self._base)} refused the query: {reason}"[:_LONGEST_REASON])
        result: list[Any] = body["data"]["result"]
        return result


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _public(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _token(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ConfigError("--prometheus-token-file", f"expected a readable file, got {path}: {reason}") from None


def matcher(name: str, value: str) -> str:
    """`name="value"`, with the value escaped for PromQL."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{escaped}"'
