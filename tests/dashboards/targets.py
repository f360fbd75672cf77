"""Every query of every board, as a panel sends it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from dashboards.source.__main__ import BOARDS, render
from tools.rules import promql

RANGE = "40m"


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel."""

    board: str
    panel: str
    ref: str
    raw: str
    instant: bool
    kind: str

    @property
    def id(self) -> str:
        """How it is named in lists and in a test's report."""
        return f"{self.board} | {self.panel} | {self.ref}"

    @property
    def expr(self) -> str:
        """The query with nothing chosen, over all the time shown."""
        plain = re.sub(r"\$__(range|rate_interval|interval)\b", RANGE, self.raw)
        return re.sub(r"\$(deployment|model|version|instance)\b", ".*", plain)

    @property
    def names(self) -> set[str]:
        """Series that it reads."""
        plain = re.sub(r"@ (end|start)\(\)", "", self.expr)
        return {selector.name for selector in promql.selectors(promql.parse(plain))}


def panels(board: str) -> list[dict[str, Any]]:
    """A board's panels without its sections."""
    (found,) = (json.loads(render(b)) for b in BOARDS if b.uid == board)
    return [panel for panel in found["panels"] if panel["type"] != "row"]


def targets(board: str) -> list[Target]:
    """A board's queries."""
    return [
        Target(board, str(p["title"]), t["refId"], t["expr"], bool(t.get("instant")), str(p["type"]))
        for p in panels(board)
        for t in p["targets"]
    ]


ALL = [target for board in BOARDS for target in targets(board.uid)]
