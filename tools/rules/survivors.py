"""The mutants that no test catches, each with the reason why that is right: rules/mutation-survivors.yml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from tools.rules.pack import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PATH = RULES / "mutation-survivors.yml"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with the list of known survivors, by the mutants that were run."""

    unexplained: tuple[str, ...]
    caught: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether the list says what is the case."""
        return not (self.unexplained or self.caught or self.unknown)


def load(path: Path = PATH) -> Mapping[str, str]:
    """Id of a mutant → the reason why nothing catches it. Raises ValueError where the file is not as it should be."""
    if not path.exists():
        return {}
    reasons: dict[str, str] = {}
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["survivors"]:
        if not entry.get("reason") or not entry.get("mutants"):
            raise ValueError(f"{path.name}: expected a reason and its mutants, got {entry}")
        for mutant in entry["mutants"]:
            if mutant in reasons:
                raise ValueError(f"{path.name}: listed twice: {mutant}")
            reasons[mutant] = entry["reason"]
    return reasons


def judge(known: Mapping[str, str], every: Iterable[str], ran: Iterable[str], survived: Iterable[str]) -> Judgement:
    """Compare the list with all mutants there are, those that ran, and those of them that survived."""
    alive = set(survived)
    return Judgement(
        tuple(mutant for mutant in survived if mutant not in known),
        tuple(mutant for mutant in ran if mutant in known and mutant not in alive),
        tuple(sorted(set(known) - set(every))),
    )
