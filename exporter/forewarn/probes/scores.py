"""Quality scores by suite, whoever measured them, and how they come in from elsewhere."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeGuard

from prometheus_client.parser import text_string_to_metric_families

from forewarn.probes.suites import SUITE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Source = Literal["golden", "file", "post"]

SCORE = "llm_quality_score"
EVALUATED = "llm_quality_evaluated_timestamp_seconds"
MAX_EXTERNAL = 50
"""Suites from elsewhere: each is two series."""
FORGET_AFTER = 7 * 86400.0
"""Seconds after which even the time of the last evaluation is dropped: the suite is gone."""
_CLOCK_SLACK = 300.0
"""Seconds by which another machine's clock may be ahead."""


@dataclass(frozen=True, slots=True)
class Score:
    """A suite's score, 0 to 1, evaluated at `evaluated` seconds since the epoch."""

    suite: str
    value: float
    evaluated: float
    source: Source


class Scoreboard:
    """The newest score of every suite. Read and written under the monitor's lock."""

    def __init__(self, max_age: float, own: Iterable[str] = ()) -> None:
        self._max_age = max_age
        self._own = frozenset(own)
        self._scores: dict[str, Score] = {}

    def take(self, scores: Iterable[Score], now: float) -> None:
        """Take scores, all or none; an older one than is known changes nothing. Raises ValueError, one line."""
        new = {score.suite: score for score in scores}
        for score in new.values():
            self._check(score, now)
        external = {suite for suite, score in self._scores.items() if score.source != "golden"} | new.keys()
        if len(external - self._own) > MAX_EXTERNAL:
            raise ValueError(f"expected at most {MAX_EXTERNAL} suites from elsewhere")
        for suite, score in new.items():
            known = self._scores.get(suite)
            if known is None or known.evaluated <= score.evaluated:
                self._scores[suite] = score

    def drop(self, source: Source, keep: Iterable[str] = ()) -> None:
        """Forget what `source` said of suites other than those to keep."""
        kept = frozenset(keep)
        self._scores = {n: s for n, s in self._scores.items() if s.source != source or n in kept}

    def known(self, now: float) -> list[Score]:
        """Every suite's score, however old, by name."""
        found = [score for score in self._scores.values() if now - score.evaluated <= FORGET_AFTER]
        return sorted(found, key=lambda score: score.suite)

    def is_fresh(self, score: Score, now: float) -> bool:
        """Whether a score is young enough to be shown."""
        return now - score.evaluated <= self._max_age

    def _check(self, score: Score, now: float) -> None:
        if score.source != "golden" and score.suite in self._own:
            raise ValueError(f"suite {score.suite}: expected another name, this one is scored by golden prompts")
        if score.evaluated > now + _CLOCK_SLACK:
            raise ValueError(f"suite {score.suite}: expected a time of evaluation that is not in the future")


def read(text: str, source: Source, default_time: float) -> list[Score]:
    """Scores of a Prometheus text or a JSON document. Raises ValueError, one line.

    `default_time`, in seconds since the epoch, is that of scores that do not tell theirs.
    """
    if not text.strip():
        raise ValueError("expected scores, got nothing")
    rows = _json_rows(text) if text.lstrip()[:1] in "{[" else _text_rows(text)
    return [_score(suite, value, time, source, default_time) for suite, (value, time) in rows.items()]


def _json_rows(text: str) -> Mapping[str, tuple[object, object]]:
    """`{"suite": 0.9}`, or `{"scores": [{"suite": …, "score": …, "evaluated": …}]}`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("expected JSON that is whole") from None
    if isinstance(document, dict) and isinstance(document.get("scores"), list):
        document = document["scores"]
    if isinstance(document, dict):
        return {str(suite): (value, None) for suite, value in document.items()}
    rows: dict[str, tuple[object, object]] = {}
    for row in document:
        if not isinstance(row, dict) or not {"suite", "score"} <= row.keys() <= {"suite", "score", "evaluated"}:
            raise ValueError("expected rows with suite, score and, if wanted, evaluated")
        if str(row["suite"]) in rows:
            raise ValueError(f"suite {row['suite']!s:.64}: expected once, got it twice")
        rows[str(row["suite"])] = (row["score"], row.get("evaluated"))
    return rows


def _text_rows(text: str) -> Mapping[str, tuple[object, object]]:
    if not text.endswith("\n"):
        raise ValueError("expected Prometheus text that ends with a whole line")
    found: dict[str, dict[str, float]] = {SCORE: {}, EVALUATED: {}}
    try:
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except (ValueError, KeyError, IndexError):
        raise ValueError(f'expected Prometheus text such as {SCORE}{{suite="NAME"}} 0.93') from None
    for sample in samples:
        suite = sample.labels.get("suite", "")
        if sample.name not in found:
            raise ValueError(f"expected {SCORE} and {EVALUATED}, got {sample.name:.64}")
        if suite in found[sample.name]:
            raise ValueError(f"suite {suite:.64}: expected once, got it twice")
        found[sample.name][suite] = sample.value
    return {suite: (value, found[EVALUATED].get(suite)) for suite, value in found[SCORE].items()}


def _score(suite: str, value: object, time: object, source: Source, default_time: float) -> Score:
    if not SUITE_NAME.fullmatch(suite):
        raise ValueError("expected suite names of letters, digits, _ . and -, 64 characters at most")
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"suite {suite}: expected a score from 0 to 1")
    if time is None:
        return Score(suite, float(value), default_time, source)
    if not _is_number(time) or time <= 0:
        raise ValueError(f"suite {suite}: expected evaluated in seconds since the epoch")
    return Score(suite, float(value), float(time), source)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
