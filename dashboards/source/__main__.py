"""`python -m dashboards.source [--check]`: write the boards' JSON, or say which are not current."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.source.board import Board
from tools import generated

FOLDER = Path(__file__).parents[1]


def find() -> tuple[Board, ...]:
    """The boards: whatever module beside this one has a BOARD."""
    names = [module.name for module in iter_modules([str(Path(__file__).parent)]) if module.name != "__main__"]
    found = [getattr(import_module(f"dashboards.source.{name}"), "BOARD", None) for name in names]
    return tuple(board for board in found if isinstance(board, Board))


BOARDS = find()


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
