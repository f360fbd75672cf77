"""Settings from a file of a given text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from forewarn.config import Config, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def loaded(path: Path, text: str, environ: Mapping[str, str] | None = None, **flags: object) -> Config:
    """Settings from a file of this text."""
    path.write_text(text, encoding="utf-8")
    return load(str(path), environ or {}, {p.replace("__", "."): (f"--{p}", value) for p, value in flags.items()})


def nested(path: str, value: object) -> str:
    """YAML that sets one key."""
    section, _, leaf = path.rpartition(".")
    return yaml.safe_dump({section: {leaf: value}} if section else {leaf: value})
