"""The mutation check: damages every rule in many ways and counts how often the tests notice."""

from __future__ import annotations

import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.rules import mutants, scoreboard, survivors
from tools.rules.scoreboard import Score
from tools.rules.suite import WORKERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tools.rules.mutants import Mutant
    from tools.rules.pack import Case, Pack, Rule, RuleTest
    from tools.rules.sandbox import Sandbox

BAR = 0.95
"""Share of the mutants that the tests must catch."""
SAVE_EVERY = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """Which mutants to run: those of some alerts and what they read, or a sample of all. All, when empty.

    Only the score of all can be written to the README: `write` with a choice raises ValueError.
    """

    alerts: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 0
    write: bool = False

    def __post_init__(self) -> None:
        if self.write and (self.alerts or self.sample is not None):
            raise ValueError("--write is for a whole run, without --alert and --sample")


def run(sandbox: Sandbox, tests: Mapping[str, RuleTest], choice: Choice, known: Mapping[str, str]) -> int:
    """Run the check and say how it went. 0 when enough is caught and every survivor is `known`, with its reason."""
    every = _valid(sandbox)
    chosen = _choose(sandbox.pack, every, choice)
    cases, broken = _cases(sandbox, tests, {mutant.rule.id: mutant.rule for mutant in chosen}.values())
    try:
        verdicts = dict(_verdicts(sandbox, cases, chosen))
    finally:
        sandbox.memory.save()
    alive = tuple(mutant.id for mutant in chosen if not verdicts[mutant.id])
    judgement = survivors.judge(known, [m.id for m in every], [m.id for m in chosen], alive)
    scores = _scores(chosen, verdicts)
    _report(scores, alive, known)
    _say(judgement)
    if broken:
        sys.stdout.write(f"FAILED: not used, for they fail on undamaged rules: {', '.join(broken)}\n")
    if choice.write:
        scoreboard.write(scores)
    return 0 if scores["all"].share >= BAR and judgement.sound and not broken else 1


def concerned(sandbox: Sandbox, tests: Mapping[str, RuleTest], rule: Rule) -> list[Case]:
    """The cases that answer for a rule: for an alert those of its own file; for a record, all that depend on it.

    Files that bear no alert's name test records, and any rule that their cases look at.
    """
    names = sandbox.pack.alert_names
    return [
        case
        for test in tests.values()
        if not rule.is_alert or test.name == rule.name or test.name not in names
        for case in sandbox.concerns(test, rule)
    ]


def _valid(sandbox: Sandbox) -> list[Mutant]:
    found = mutants.of(sandbox.pack.rules)
    refused = set(mutants.rejected(found, sandbox.promtool, sandbox.folder))
    return [mutant for mutant in found if mutant.id not in refused]


def _choose(pack: Pack, every: Sequence[Mutant], choice: Choice) -> list[Mutant]:
    if unknown := sorted(set(choice.alerts) - set(pack.alert_names) - set(pack.records)):
        raise ValueError(f"no such rule: {', '.join(unknown)}")
    wanted = {rule.id for rule in pack.needed(choice.alerts)} if choice.alerts else {rule.id for rule in pack.rules}
    chosen = [mutant for mutant in every if mutant.rule.id in wanted]
    if choice.sample is not None and choice.sample < len(chosen):
        chosen = random.Random(choice.seed).sample(chosen, choice.sample)  # noqa: S311 - a repeatable choice is wanted
    return chosen


def _cases(
    sandbox: Sandbox, tests: Mapping[str, RuleTest], rules: Iterable[Rule]
) -> tuple[dict[str, list[Case]], list[str]]:
    """Rule → its cases, quick ones first; and those that fail undamaged, which would "catch" anything."""
    by_rule = {rule.id: concerned(sandbox, tests, rule) for rule in rules}
    used = list(dict.fromkeys(case for found in by_rule.values() for case in found))
    sys.stdout.write(f"{len(used)} cases on undamaged rules\n")
    sys.stdout.flush()
    with ThreadPoolExecutor(WORKERS) as pool:
        states = dict(zip(used, pool.map(sandbox.undamaged, used), strict=True))
    sandbox.memory.save()
    sound = {
        rule: sorted((case for case in found if not states[case].failed), key=lambda case: states[case].seconds)
        for rule, found in by_rule.items()
    }
    return sound, sorted({f"{case.file}: {case.body.get('name')}" for case in used if states[case].failed})


def _verdicts(
    sandbox: Sandbox, cases: Mapping[str, Sequence[Case]], chosen: Sequence[Mutant]
) -> Iterator[tuple[str, bool]]:
    """Whether each mutant is caught, as answers come."""

    def caught(mutant: Mutant) -> tuple[str, bool]:
        return mutant.id, sandbox.catches(cases[mutant.rule.id], mutant)

    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(caught, mutant) for mutant in chosen]
        missed = 0
        for done, future in enumerate(as_completed(futures), 1):
            mutant, verdict = future.result()
            missed += not verdict
            _progress(done, len(chosen), missed)
            if done % SAVE_EVERY == 0:
                sandbox.memory.save()
            yield mutant, verdict


def _progress(done: int, total: int, missed: int) -> None:
    """A bar on a terminal; elsewhere a line for every twentieth part."""
    text = f"[{'#' * (20 * done // total):20}] {done}/{total} mutants, {missed} survived"
    if sys.stdout.isatty():
        sys.stdout.write(f"\r{text}" + ("\n" if done == total else ""))
    elif 20 * done // total != 20 * (done - 1) // total:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _scores(chosen: Sequence[Mutant], verdicts: Mapping[str, bool]) -> dict[str, Score]:
    """Kind → its score, and that of all."""
    runs = Counter(mutant.kind for mutant in chosen)
    hits = Counter(mutant.kind for mutant in chosen if verdicts[mutant.id])
    kinds = {kind: Score(hits[kind], runs[kind]) for kind in runs}
    return {**kinds, "all": Score(sum(hits.values()), len(chosen))}


def _report(scores: Mapping[str, Score], alive: Iterable[str], known: Mapping[str, str]) -> None:
    """The table of kinds, and the survivors that have a reason."""
    sys.stdout.write("\n" + scoreboard.text(scores))
    for mutant in alive:
        if mutant in known:
            sys.stdout.write(f"survives: {mutant}\n    because {known[mutant]}\n")
    if scores["all"].share < BAR:
        sys.stdout.write(f"FAILED: the tests must catch {BAR:.0%}\n")


def _say(judgement: survivors.Judgement) -> None:
    parts = {
        "survives without a reason": judgement.unexplained,
        "listed as a survivor, but caught": judgement.caught,
        "listed as a survivor, but no such mutant": judgement.unknown,
    }
    for title, ids in parts.items():
        for mutant in ids:
            sys.stdout.write(f"FAILED: {title}: {mutant}\n")
