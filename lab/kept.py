"""Runs kept on disk: what was played, apart from how it was judged, so that a changed rule costs no new play."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lab.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.play import Played

Result = dict[str, Any]
"""What a result's JSON holds."""


def digest(parts: Iterable[str | Path]) -> str:
    """A short hash of texts and of the contents of files."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode() if isinstance(part, str) else part.name.encode() + part.read_bytes())
    return found.hexdigest()[:16]


def result(folder: Path, name: str, expected: str) -> Result | None:
    """A kept result, None when there is none of these inputs."""
    try:
        found: Result = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if found.get("fingerprint") == expected else None


def keep_result(folder: Path, name: str, found: Result) -> Path:
    """Keep a result; a run that is interrupted leaves nothing half written."""
    return _write(folder / f"{name}.json", (json.dumps(found, indent=1) + "\n").encode())


def tape(folder: Path, name: str, expected: str) -> tuple[Tape, Result] | None:
    """A kept play: its tape and what else is known of it; None when there is none of these inputs."""
    try:
        found = json.loads(gzip.decompress((folder / f"{name}.play.json.gz").read_bytes()))
    except (OSError, ValueError, EOFError):
        return None
    if found.pop("fingerprint", None) != expected:
        return None
    return Tape.load(found.pop("tape")), found


def keep_tape(folder: Path, name: str, fingerprint: str, recorded: Tape, about: Result) -> None:
    """Keep a play."""
    content = {"fingerprint": fingerprint, "tape": recorded.dump(), **about}
    _write(folder / f"{name}.play.json.gz", gzip.compress(json.dumps(content).encode(), compresslevel=3, mtime=0))


def curves(played: Played) -> Result:
    """What the picture of a play needs: the fleet at each scrape, and the slowest first tokens minute by minute."""
    minutes: dict[int, list[float]] = {}
    for verdict in played.verdicts:
        if verdict.ttft < float("inf"):
            minutes.setdefault(int(verdict.time // 60), []).append(verdict.ttft)
    return {
        "signals": [asdict(signal) for signal in played.signals],
        "ttft_p99": [(60 * (minute + 1), _p99(values)) for minute, values in sorted(minutes.items())],
    }


def _p99(values: list[float]) -> float:
    return sorted(values)[round(0.99 * (len(values) - 1))]


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".tmp")
    draft.write_bytes(content)
    draft.replace(path)
    return path
