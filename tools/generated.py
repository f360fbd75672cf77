"""Files that are written from a source and committed: brought up to date, or only compared with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]


def only_check(prog: str, description: str | None) -> bool:
    """Whether the command line has `--check`: write nothing, say what is not current."""
    parser = argparse.ArgumentParser(prog=f"python -m {prog}", description=description)
    parser.add_argument("--check", action="store_true", help="write nothing, say what is not current")
    return bool(parser.parse_args().check)


def stale(wanted: Mapping[Path, str]) -> dict[Path, str]:
    """The files whose text is not the wanted one, with what it should be."""
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def update(wanted: Mapping[Path, str], verb: str, *, check: bool, root: Path = ROOT) -> int:
    """Write what is not current, or only say so and which make `verb` writes it; 1 when a check finds something.

    Paths are told relative to `root`.
    """
    found = stale(wanted)
    for path, text in found.items():
        name = path.relative_to(root)
        if check:
            sys.stderr.write(f"not current: {name}; run make {verb}\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    return 1 if check and found else 0
