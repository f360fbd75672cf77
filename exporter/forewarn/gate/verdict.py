"""The gate's verdict from those of its guardrails, as an exit status, a table and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forewarn.gate.guardrails import Judgement, Levels

PASS, FAIL, NOT_ENOUGH = 0, 1, 2
WORDS: dict[int, Literal["pass", "fail", "not enough data"]] = {
    PASS: "pass",
    FAIL: "fail",
    NOT_ENOUGH: "not enough data",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """All guardrails of one look. `required` are those that must have data; others pass if they have none."""

    judgements: tuple[Judgement, ...]
    required: frozenset[str]
    levels: Levels

    @property
    def status(self) -> int:
        """Exit status: one failure fails, and only if every guardrail that counts passes does the gate."""
        verdicts = [each.verdict for each in self.judgements if each.verdict != "no data" or each.name in self.required]
        if "fail" in verdicts:
            return FAIL
        return PASS if verdicts and all(verdict == "pass" for verdict in verdicts) else NOT_ENOUGH

    def numbers(self) -> dict[str, Any]:
        """The gate as JSON."""
        return {
            "verdict": WORDS[self.status],
            "status": self.status,
            "passed": self.status == PASS,
            "failed": self.status == FAIL,
            "guardrails": [{**asdict(each), "required": each.name in self.required} for each in self.judgements],
            "levels": asdict(self.levels),
        }


def table(gate: Gate) -> str:
    """The gate as a table, the verdict last."""
    head = ("guardrail", "verdict", "canary", "stable", "requests", "noise", "why")
    rows = [_row(each, required=each.name in gate.required) for each in gate.judgements]
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]
    lines = ["  ".join(_cells(row, widths)).rstrip() for row in (head, *rows)]
    return "\n".join(lines) + f"\n\nverdict: {WORDS[gate.status]}\n"


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    left = (0, 1, len(row) - 1)
    return [cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip


def _row(each: Judgement, *, required: bool) -> tuple[str, ...]:
    def value(number: float | None) -> str:
        if number is None:
            return ""
        return f"${number:.3f}" if each.name == "cost" else f"{number:.2%}"

    requests = f"{each.canary_requests:.0f}/{each.stable_requests:.0f}" if each.canary_requests else ""
    noise = "" if each.inflation is None else f"×{each.inflation:.1f}"
    verdict = each.verdict if required or each.verdict != "no data" else "not judged"
    return each.name, verdict, value(each.canary), value(each.stable), requests, noise, each.reason
