"""All runs together: what a pack is worth over the set, and which goals of the project hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from lab.run import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.kept import Result

LEAD_SECONDS, ORACLE_SHARE = 300.0, 0.8
DETECTION_SECONDS, PRECISION, FALSE_PAGES_PER_DAY, RIVAL_FACTOR = 30.0, 0.95, 0.1, 3.0
SPLITS = ("tuning", "validation")
UNTIMELY = float("-inf")


@dataclass(frozen=True, slots=True)
class Summary:
    """One pack over some runs; times in seconds, None where nothing counts.

    `ahead` of `gradual` incidents had a page before the pain; `median_lead` counts one without a page as the latest.
    `prompt` of `steps` faults had a page within 30 s. False alarms per replica-day are those of the quiet days;
    `precision` is over all runs.
    """

    incidents: int
    found: int
    gradual: int
    ahead: int
    median_lead: float | None
    median_over_burn: float | None
    steps: int
    prompt: int
    median_detection: float | None
    median_reset: float | None
    true_pages: int
    false_pages: int
    precision: float | None
    quiet_days: float
    quiet_pages: int
    quiet_tickets: int
    pages_per_day: float | None
    tickets_per_day: float | None


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: what it wants, what was measured, and whether that is enough."""

    name: str
    wanted: str
    measured: str
    holds: bool


def gradual(result: Result) -> bool:
    """Whether the run's incident comes by and by and hurts, so that it can be foreseen."""
    incident = result["incident"]
    return bool(incident and not incident["step"] and not incident["silent"])


def step(result: Result) -> bool:
    """Whether the run's incident is there at once and hurts."""
    return bool(result["incident"] and result["incident"]["step"])


def summarise(results: Iterable[Result], pack: str) -> Summary:
    """Sum one pack up."""
    runs = list(results)
    scores = [(run, run["scores"][pack]) for run in runs]
    incidents = [(run, score) for run, score in scores if run["incident"]]
    slow = [score for run, score in incidents if gradual(run)]
    steps = [score for run, score in incidents if step(run)]
    quiet = [(run, score) for run, score in scores if not run["incident"]]
    days = sum(run["replica_days"] for run, _ in quiet)
    true, false = (sum(score[key] for _, score in scores) for key in ("true_pages", "false_pages"))
    pages, tickets = (sum(score[key] for _, score in quiet) for key in ("false_pages", "false_tickets"))
    return Summary(
        incidents=len(incidents),
        found=sum(bool(score["found"]) for _, score in incidents),
        gradual=len(slow),
        ahead=sum(score["lead"] is not None and score["lead"] > 0 for score in slow),
        median_lead=_median([UNTIMELY if score["lead"] is None else score["lead"] for score in slow]),
        median_over_burn=_median([score["lead"] - score["burn_lead"] for score in slow if _both(score)]),
        steps=len(steps),
        prompt=sum(score["detection"] is not None and score["detection"] <= DETECTION_SECONDS for score in steps),
        median_detection=_median([score["detection"] for score in steps if score["detection"] is not None]),
        median_reset=_median([score["reset"] for _, score in incidents if score["reset"] is not None]),
        true_pages=true,
        false_pages=false,
        precision=true / (true + false) if true + false else None,
        quiet_days=days,
        quiet_pages=pages,
        quiet_tickets=tickets,
        pages_per_day=pages / days if days else None,
        tickets_per_day=tickets / days if days else None,
    )


def _both(score: dict[str, Any]) -> bool:
    return score["lead"] is not None and score["burn_lead"] is not None


def _median(values: list[float]) -> float | None:
    found = median(values) if values else None
    return None if found == UNTIMELY else found


def packs(results: list[Result]) -> list[str]:
    """The packs of the runs, ours first."""
    return list(results[0]["scores"])


def timely(result: Result) -> bool:
    """Whether our first page leads by five minutes, or by 80 % of what the oracle has."""
    lead, known = result["scores"][OURS]["lead"], (result["oracle"] or {}).get("held")
    return lead is not None and (lead >= LEAD_SECONDS or (known is not None and lead >= ORACLE_SHARE * known))


def goals(results: list[Result]) -> list[Goal]:
    """The goals of the project over these runs."""
    ours = summarise(results, OURS)
    slow = [result for result in results if gradual(result)]
    rivals = {pack: summarise(results, pack) for pack in packs(results) if pack != OURS}
    best = _best(rivals, ours)
    lead = ours.median_lead
    return [
        Goal(
            "capacity incidents page before pain",
            "all",
            f"{ours.ahead} of {ours.gradual}",
            ours.ahead == ours.gradual,
        ),
        Goal(
            "lead",
            "median ≥ 5 min, or ≥ 80 % of the oracle's in half of them",
            f"median {minutes(lead)}; {sum(map(timely, slow))} of {len(slow)} by either measure",
            (lead or 0.0) >= LEAD_SECONDS or 2 * sum(map(timely, slow)) >= len(slow) > 0,
        ),
        Goal(
            "surges and step faults detected", "all ≤ 30 s", f"{ours.prompt} of {ours.steps}", ours.prompt == ours.steps
        ),
        Goal("recall", "100 %", f"{ours.found} of {ours.incidents}", ours.found == ours.incidents),
        Goal("page precision", "≥ 0.95", share(ours.precision), (ours.precision or 0.0) >= PRECISION),
        Goal(
            "false pages on quiet days",
            "≤ 0.1 per replica-day",
            f"{number(ours.pages_per_day)} ({ours.quiet_pages} in {ours.quiet_days:.1f} replica-days)",
            (ours.pages_per_day or 0.0) <= FALSE_PAGES_PER_DAY,
        ),
        Goal(
            "lead over the best rival with no more false pages",
            "≥ 3 ×",
            f"{minutes(lead)} against {minutes(rivals[best].median_lead)} ({best})" if best else "no such rival",
            best is None or (lead or 0.0) >= RIVAL_FACTOR * max(rivals[best].median_lead or 0.0, 0.0) > UNTIMELY,
        ),
    ]


def _best(rivals: dict[str, Summary], ours: Summary) -> str | None:
    """The rival with the longest lead among those with no more false pages than ours."""
    fair = {name: summary for name, summary in rivals.items() if summary.false_pages <= ours.false_pages}
    measure: Callable[[str], float] = lambda name: UNTIMELY if (s := fair[name].median_lead) is None else s  # noqa: E731
    return max(fair, key=measure, default=None)


def minutes(seconds: float | None) -> str:
    """A time for people: signed, in seconds below two minutes, else in minutes."""
    if seconds is None:
        return "–"
    return f"{seconds:.0f} s" if abs(seconds) < 120 else f"{seconds / 60:.1f} min"  # noqa: PLR2004


def share(value: float | None) -> str:
    """A ratio for people."""
    return "–" if value is None else f"{value:.2f}"


def number(value: float | None) -> str:
    """A rate for people."""
    return "–" if value is None else f"{value:.2g}"


def as_json(results: list[Result]) -> Result:
    """What `results.json` holds: every run without its curves, and the sums by split."""
    runs = [{key: value for key, value in run.items() if key not in ("curves", "fingerprint")} for run in results]
    return {
        "goals": {name: [asdict(goal) for goal in goals(part)] for name, part in parts(results).items()},
        "summary": {
            name: {pack: asdict(summarise(part, pack)) for pack in packs(part)} for name, part in parts(results).items()
        },
        "scenarios": runs,
    }


def parts(results: list[Result]) -> dict[str, list[Result]]:
    """All runs, and those of each split that has any."""
    split = {name: [run for run in results if run["split"] == name] for name in SPLITS}
    return {"all": results, **{name: part for name, part in split.items() if part}}
