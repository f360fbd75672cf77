"""Every alert fires although scrapes fail now and then, and the reading of promtool's notation."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tools.rules import missed, pack, promtool
from tools.rules.sandbox import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

REAL = promtool.find()
TESTS = pack.load_tests()
AT_AN_EDGE = {
    "LLMCorrelatedFailure": ["fires when two of four replicas of a version go down together, and resolves"],
    "LLMQueueGrowing": [
        "growth counts for three minutes: the batch shrinks shortly after the queue has grown",
    ],
}
"""Tests that look at an alert's very last moment, which is a scrape earlier when that scrape fails."""

FED_BY_THE_HOUR = {
    "LLMQualityDrift",
    "LLMQualityDrift.days",
    "LLMTPOTBudgetBurn.days",
    "LLMTTFTBudgetBurn.days",
    "fleet-days",
}
"""Files whose samples stand minutes or hours apart: no scrapes that could fail."""
QUIET = {"LLMTPOTBudgetBurn.guards", "LLMTTFTBudgetBurn.guards", "last-seen"}
"""Files in which no alert fires: the guards keep them quiet, or records are looked at."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in the repository: a promtool in a container sees no other."""
    FOLDER.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=FOLDER))
    yield made
    shutil.rmtree(made)


def _run(made: object, folder: Path) -> promtool.Outcome:
    (folder / "missed.test.yml").write_text(yaml.safe_dump(made, width=10_000), encoding="utf-8")
    return REAL.test(folder / "missed.test.yml")


@pytest.mark.parametrize("name", TESTS)
def test_an_alert_fires_although_scrapes_fail(name: str, folder: Path) -> None:
    """One scrape of eight fails on every target at once, often inside the alert's `for`."""
    made = missed.with_failures(TESTS[name], AT_AN_EDGE.get(name, ()))
    if made is None:
        assert name in FED_BY_THE_HOUR | QUIET
        return
    rules = [str((pack.TESTS / rules).resolve()) for rules in made["rule_files"]]
    outcome = _run({**made, "rule_files": rules}, folder)
    assert outcome.passed, outcome.said


def test_an_alert_that_forgets_is_found(folder: Path) -> None:
    """An objective read as it is now, not as last seen: the `for` begins anew, and the test fails."""
    text = (pack.SOURCES / "replica.rules.yml").read_text(encoding="utf-8")
    forgetful = text.replace(
        "last_over_time(llm_objective_kv_cache_usage_ratio[2m])", "llm_objective_kv_cache_usage_ratio"
    )
    assert forgetful != text
    (folder / "replica.rules.yml").write_text(forgetful, encoding="utf-8")
    made = missed.with_failures(TESTS["LLMKVCacheHigh"])
    assert made is not None
    outcome = _run({**made, "rule_files": ["replica.rules.yml"]}, folder)
    assert "LLMKVCacheHigh" in outcome.said
    assert not outcome.passed


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("3", ["3"]),
        ("0x2 1", ["0.0", "0.0", "0.0", "1"]),
        ("1+0.5x2", ["1.0", "1.5", "2.0"]),
        ("-1-2x1", ["-1.0", "-3.0"]),
        ("_x2 stale _ 1e3", ["_", "_", "stale", "_", "1e3"]),
        ("NaN -Inf", ["NaN", "-Inf"]),
    ],
)
def test_samples_are_written_out(written: str, read: list[str]) -> None:
    """As promtool expands them: `axN` is N + 1 samples, `_xN` is N."""
    assert missed.samples(written) == read


def test_an_unknown_notation_is_said() -> None:
    """Better than feeding something else."""
    with pytest.raises(ValueError, match="expected a value as promtool writes it, got 'x3'"):
        missed.samples("1 x3")
