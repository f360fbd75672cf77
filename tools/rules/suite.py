"""Runs every test of the rules: the checks of the rule files, then each file of unit tests."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.rules import pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tools.rules.promtool import Outcome, Promtool

WORKERS = os.cpu_count() or 2


@dataclass(frozen=True, slots=True)
class Result:
    """What a test file said, and how long it took (seconds)."""

    name: str
    cases: int
    outcome: Outcome
    seconds: float


def run(promtool: Promtool, only: Sequence[str] = ()) -> int:
    """Run the tests of the alerts in `only`, or all; the number of failed files."""
    checked = promtool.check(sorted(pack.SOURCES.glob("*.rules.yml")))
    if not checked.passed:
        sys.stdout.write(f"rules/v1: FAILED\n{checked.said}\n")
        return 1
    sys.stdout.write("rules/v1: checked\n")
    tests = {name: test for name, test in pack.load_tests().items() if not only or name in only}
    if unknown := sorted(set(only) - set(tests)):
        raise ValueError(f"no test file for {', '.join(unknown)}")
    results = []
    for result in _results(promtool, tests):
        results.append(result)
        state = "ok" if result.outcome.passed else "FAILED"
        sys.stdout.write(
            f"[{len(results)}/{len(tests)}] {result.name}: {state}, {result.cases} cases, {result.seconds:.1f} s\n"
        )
        if not result.outcome.passed:
            sys.stdout.write(result.outcome.said + "\n")
        sys.stdout.flush()
    failed = sorted(result.name for result in results if not result.outcome.passed)
    sys.stdout.write(
        f"{len(results)} test files with {sum(result.cases for result in results)} cases: "
        + (f"{len(failed)} FAILED: {', '.join(failed)}\n" if failed else "all passed\n")
    )
    return len(failed)


def _results(promtool: Promtool, tests: dict[str, pack.RuleTest]) -> Iterator[Result]:
    """Results as they come; the largest files start first, so that none is left running alone."""
    with ThreadPoolExecutor(WORKERS) as pool:
        largest = sorted(tests.items(), key=lambda item: -len(item[1].text))
        futures = [pool.submit(_one, promtool, name, test) for name, test in largest]
        for future in as_completed(futures):
            yield future.result()


def _one(promtool: Promtool, name: str, test: pack.RuleTest) -> Result:
    began = time.monotonic()
    outcome = promtool.test(test.path)
    return Result(name, len(test.body["tests"]), outcome, time.monotonic() - began)
