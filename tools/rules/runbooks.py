"""Runbooks as values: their sections, and the PromQL that they tell a reader to paste."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tools.rules import promql
from tools.rules.labels import METRICS
from tools.rules.pack import OWN_ALERTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tools.rules.pack import Pack

SECTIONS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "False alarms")
BLOCK = re.compile(r"^[ \t]*```promql\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^[ \t]*```.*?^[ \t]*```", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"(?<![\w:/.-])(?:llm_|llm:|forewarn_)[a-z0-9_:]+")
"""A series' name in running text."""


@dataclass(frozen=True)
class Runbook:
    """What someone reads who was woken."""

    name: str
    text: str

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """Titles in order."""
        return tuple(re.findall(r"^## (.+)$", FENCE.sub("", self.text), re.MULTILINE))

    @cached_property
    def head(self) -> tuple[str, ...]:
        """The first two lines that are not blank."""
        return tuple(line for line in self.text.splitlines() if line.strip())[:2]

    def problems(self, pack: Pack) -> Iterator[str]:
        """Queries that cannot be parsed, and series that do not exist."""
        known = {*METRICS, *(m.name for m in METRICS.values()), *pack.records, *OWN_ALERTS, "up"}
        for query in self.queries():
            try:
                tree = promql.parse(query)
            except ValueError as error:
                yield f"not PromQL: {query}: {error}"
            else:
                yield from (f"no such series: {s.name}" for s in promql.selectors(tree) if s.name not in known)
        for name in OURS.findall(" ".join(CODE.findall(FENCE.sub("", self.text)))):
            if name.rstrip(":") not in known:
                yield f"no such series: {name}"

    def queries(self) -> Iterator[str]:
        """Each query of the PromQL blocks: what stands between blank lines where that is one query, else its lines."""
        for block in BLOCK.findall(self.text):
            lines = [re.sub(r"(^|\s)#.*$", "", line).strip() for line in block.splitlines()]
            for part in "\n".join(lines).split("\n\n"):
                yield from [part] if _parses(part) else filter(None, part.splitlines())


def load(folder: Path) -> list[Runbook]:
    """The runbooks of a folder."""
    return [Runbook(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.md"))]


def _parses(text: str) -> bool:
    try:
        promql.parse(text)
    except ValueError:
        return False
    return True
