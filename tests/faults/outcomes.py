"""What the last whole run saw, kept for the table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.faults.play import Outcome

RESULTS = Path(__file__).with_name("results.json")


@dataclass
class Outcomes:
    """Outcomes by the fault's name."""

    by_name: dict[str, Outcome] = field(default_factory=dict)

    def add(self, name: str, outcome: Outcome) -> None:
        """Take what was seen of one fault that the sidecar passed."""
        self.by_name[name] = outcome

    def save(self) -> None:
        """Write them for the table."""
        rows = {name: asdict(outcome) for name, outcome in sorted(self.by_name.items())}
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def saved() -> Outcomes:
    """Those of the last whole run that was kept."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return Outcomes({name: Outcome(**row) for name, row in rows.items()})
