"""`python -m dashboards.source [--check]`: write the boards' JSON, or say which are not current."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.source import oncall
from tools import generated

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
    check = generated.only_check("dashboards.source", __doc__)
    return generated.update({path_of(board): render(board) for board in BOARDS}, "dashboards", check=check)


if __name__ == "__main__":
    sys.exit(main())
