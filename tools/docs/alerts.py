"""docs/alerts.md: every alert of the pack in a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tools.docs.table import MARK, table
from tools.rules import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = re.compile("_(bucket|count|sum)$")
"""Endings of a histogram's series; the table names the histogram."""
TITLES = {
    "replica.rules.yml": "One replica",
    "slo.rules.yml": "Latency budgets",
    "quality.rules.yml": "Answers and their quality",
    "deploy.rules.yml": "Deploys",
    "fleet.rules.yml": "The fleet",
    "cost.rules.yml": "Cost",
    "pack.rules.yml": "The pack itself",
}


def alerts() -> str:
    """Every alert: how severe, whether it leads, what it means, what it reads."""
    loaded = pack.load()
    text = MARK.format(source="rules/v1") + "# Alerts\n\n"
    text += "**critical** pages: users are hurt now, or will be within the alert's horizon. **warning** is a ticket.\n"
    text += "**info** is for whoever plans. A **leading** alert rests on a signal that moves before users feel pain.\n"
    for file in (*TITLES, *sorted({rule.file for rule in loaded.rules} - set(TITLES))):
        names = [name for name in loaded.alert_names if _rules(loaded, name)[0].file == file]
        rows = [_row(loaded, name) for name in names]
        head = ("alert", "severity", "leading", "what it means", "reads")
        text += f"\n## {TITLES.get(file, file)}\n\n" + table(head, rows)
    return text


def _rules(loaded: pack.Pack, name: str) -> list[pack.Rule]:
    return [rule for rule in loaded.alerts if rule.name == name]


def _row(loaded: pack.Pack, name: str) -> tuple[str, ...]:
    rules = _rules(loaded, name)
    reads = {PARTS.sub("", read) for rule in loaded.needed([name]) for read in rule.reads if ":" not in read}
    return (
        f"[{name}](../rules/runbooks/{name}.md)",
        _each([rule.labels["severity"] for rule in rules]),
        _each([{"true": "yes", "false": "no"}[rule.labels["leading"]] for rule in rules]),
        " ".join(dict.fromkeys(rule.annotations["summary"] for rule in rules)),
        ", ".join(f"`{read}`" for read in sorted(reads)),
    )


def _each(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(values))
