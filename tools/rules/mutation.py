"""The mutation check: damages every rule in many ways and counts how often the tests notice."""

from __future__ import annotations

import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.rules import mutants, survivors
from tools.rules.sandbox import FOLDER, Memory, Sandbox
from tools.rules.suite import WORKERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tools.rules.mutants import Mutant
    from tools.rules.pack import Pack, Rule, RuleTest
    from tools.rules.promtool import Promtool

BAR = 0.95
"""Share of the mutants that the tests must catch."""
SAVE_EVERY = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """Which mutants to run: those of some alerts and what they read, or a sample of all. All, when empty."""

    alerts: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """Caught and run, of a kind or of all."""

    caught: int
    run: int

    @property
    def share(self) -> float:
        """Share caught; 1 of none."""
        return self.caught / self.run if self.run else 1.0


def run(pack: Pack, tests: Mapping[str, RuleTest], promtool: Promtool, choice: Choice) -> int:
    """Run the check and say how it went. 0 when enough is caught and every survivor has its reason."""
    FOLDER.mkdir(exist_ok=True)
    known = survivors.load()
    memory = Memory(FOLDER / "verdicts.json")
    sandbox = Sandbox(pack, promtool, memory)
    every = _valid(pack, promtool)
    chosen = _choose(pack, every, choice)
    sound = _sound(sandbox, _tests_of(pack, tests, sandbox, chosen))
    verdicts = dict(_verdicts(sandbox, sound, chosen))
    memory.save()
    alive = tuple(mutant.id for mutant in chosen if not verdicts[mutant.id])
    judgement = survivors.judge(known, [m.id for m in every], [m.id for m in chosen], alive)
    overall = _report(chosen, verdicts, known)
    _say(judgement)
    failing = sorted(set(_names(pack, tests, sandbox, chosen)) - set(sound))
    if failing:
        sys.stdout.write(f"not used, for they fail on undamaged rules: {', '.join(failing)}\n")
    return 0 if overall.share >= BAR and judgement.sound and not failing else 1


def order(pack: Pack, tests: Mapping[str, RuleTest], sandbox: Sandbox, rule: Rule) -> list[RuleTest]:
    """The test files that answer for a rule: an alert's own; for a record, all that depend on it, short ones first.

    Files that bear no alert's name test records, and any rule that their cases look at.
    """
    concerned = [test for test in tests.values() if sandbox.concerns(test, rule)]
    if rule.is_alert:
        concerned = [test for test in concerned if test.name == rule.name or test.name not in pack.alert_names]
    return sorted(concerned, key=lambda test: (test.name != rule.name, len(test.text)))


def _valid(pack: Pack, promtool: Promtool) -> list[Mutant]:
    found = mutants.of(pack.rules)
    refused = set(mutants.rejected(found, promtool, FOLDER))
    return [mutant for mutant in found if mutant.id not in refused]


def _choose(pack: Pack, every: Sequence[Mutant], choice: Choice) -> list[Mutant]:
    if unknown := sorted(set(choice.alerts) - set(pack.alert_names) - set(pack.records)):
        raise ValueError(f"no such rule: {', '.join(unknown)}")
    wanted = {rule.id for rule in pack.needed(choice.alerts)} if choice.alerts else {rule.id for rule in pack.rules}
    chosen = [mutant for mutant in every if mutant.rule.id in wanted]
    if choice.sample is not None and choice.sample < len(chosen):
        chosen = random.Random(choice.seed).sample(chosen, choice.sample)  # noqa: S311 - a repeatable choice is wanted
    return chosen


def _names(
    pack: Pack, tests: Mapping[str, RuleTest], sandbox: Sandbox, chosen: Sequence[Mutant]
) -> dict[str, RuleTest]:
    rules = {mutant.rule.id: mutant.rule for mutant in chosen}
    return {test.name: test for rule in rules.values() for test in order(pack, tests, sandbox, rule)}


def _tests_of(pack: Pack, tests: Mapping[str, RuleTest], sandbox: Sandbox, chosen: Sequence[Mutant]) -> list[RuleTest]:
    return list(_names(pack, tests, sandbox, chosen).values())


def _sound(sandbox: Sandbox, tests: Sequence[RuleTest]) -> dict[str, RuleTest]:
    """The test files that pass on undamaged rules; the others would "catch" anything."""
    with ThreadPoolExecutor(WORKERS) as pool:
        states = list(pool.map(sandbox.healthy, tests))
    return {test.name: test for test, healthy in zip(tests, states, strict=True) if healthy}


def _verdicts(sandbox: Sandbox, tests: Mapping[str, RuleTest], chosen: Sequence[Mutant]) -> Iterator[tuple[str, bool]]:
    """Whether each mutant is caught, as answers come."""
    files = {
        rule.id: order(sandbox.pack, tests, sandbox, rule) for rule in {m.rule.id: m.rule for m in chosen}.values()
    }

    def caught(mutant: Mutant) -> tuple[str, bool]:
        return mutant.id, any(sandbox.catches(test, mutant) for test in files[mutant.rule.id])

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


def _report(chosen: Sequence[Mutant], verdicts: Mapping[str, bool], known: Mapping[str, str]) -> Score:
    """The table of kinds, and the survivors that have a reason."""
    runs = Counter(mutant.kind for mutant in chosen)
    hits = Counter(mutant.kind for mutant in chosen if verdicts[mutant.id])
    rows = {kind: Score(hits[kind], runs[kind]) for kind in runs}
    overall = Score(sum(hits.values()), len(chosen))
    sys.stdout.write(f"\n{'kind of damage':22}{'caught':>8}{'of':>8}{'share':>9}\n")
    for kind, score in (*rows.items(), ("all", overall)):
        sys.stdout.write(f"{kind:22}{score.caught:8}{score.run:8}{score.share:9.1%}\n")
    for mutant in chosen:
        if not verdicts[mutant.id] and mutant.id in known:
            sys.stdout.write(f"survives: {mutant.id}\n    because {known[mutant.id]}\n")
    if overall.share < BAR:
        sys.stdout.write(f"FAILED: the tests must catch {BAR:.0%}\n")
    return overall


def _say(judgement: survivors.Judgement) -> None:
    parts = {
        "survives without a reason": judgement.unexplained,
        "listed as a survivor, but caught": judgement.caught,
        "listed as a survivor, but no such mutant": judgement.unknown,
    }
    for title, ids in parts.items():
        for mutant in ids:
            sys.stdout.write(f"FAILED: {title}: {mutant}\n")
