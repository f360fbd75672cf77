"""`python -m dashboards.source [--check]`: write the boards' JSON, or say which are not current."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.source import oncall

if TYPE_CHECKING:
    from dashboards.source.board import Board

BOARDS: tuple[Board, ...] = (oncall.BOARD,)
FOLDER = Path(__file__).parents[1]


def path_of(board: Board) -> Path:
    """Where a board's JSON stands."""
    return FOLDER / f"{board.uid.removeprefix('forewarn-')}.json"


def render(board: Board) -> str:
    """A board's JSON, the same on every run."""
    return json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write or check; returns 1 when a board is not current."""
    parser = argparse.ArgumentParser(prog="dashboards.source", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = False
    for board in BOARDS:
        path, text = path_of(board), render(board)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale = True
        if not check:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote dashboards/{path.name}\n")
    if check and stale:
        sys.stderr.write("boards are not current; run make dashboards\n")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main())
