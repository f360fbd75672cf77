"""Prometheus' rule engine over a tape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.fleet import EPOCH
from lab.judge import JudgeError, Pack, _complaints, firings, names
from lab.tape import Tape

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
groups:
  - name: records
    rules:
      - record: twice
        expr: 2 * x
      - record: sum
        expr: (sum or 0 * x) + x
  - name: alerts
    rules:
      - alert: High
        expr: twice > 2
        for: 30s
        keep_firing_for: 45s
        labels: {severity: critical}
      - alert: Sum
        expr: sum >= 5
"""
TARGET = {"instance": 'a "quoted" {name}, b'}


def _pack(tmp_path: Path, text: str = RULES) -> Pack:
    path = tmp_path / "test.rules.yml"
    path.write_text(text, encoding="utf-8")
    return Pack("test", (path,))


def _tape(values: list[float | None]) -> Tape:
    tape = Tape()
    for value in values:
        tape.begin()
        if value is not None:
            tape.add("x", {}, TARGET, value)
    return tape


def test_for_and_keep_firing_for_are_prometheus_own(tmp_path: Path) -> None:
    """Scrape k is read at second 15 k: an alert pends for 30 s and is kept for 45 s after its condition ends."""
    values: list[float | None] = [1, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1]
    found = [f for f in firings(_tape(values), [_pack(tmp_path)], tmp_path) if f.alert == "High"]
    assert [(f.start, f.end, f.severity) for f in found] == [(45.0, 120.0, "critical")]
    assert dict(found[0].labels)["instance"].replace('\\"', '"') == TARGET["instance"]


def test_times_beyond_a_day_are_read() -> None:
    """Prometheus writes 24 hours as 1d and a week as 1w: the alert begins at the second when it does."""
    found: list[float] = []
    for written in ("23h59m45s", "1d", "1d15s", "1d10h30s", "1w"):
        said = f'    expr: "x", time: {written},\n        got: {{{{alertname="A"}} 1E+00}}\n'
        found += [time for time, _ in _complaints(said)]
    assert found == [86385.0 - EPOCH, 86400.0 - EPOCH, 86415.0 - EPOCH, 122430.0 - EPOCH, 604800.0 - EPOCH]


def test_a_rule_that_fails_is_no_quiet_run() -> None:
    """Promtool stops at it and tells a time, as of an alert; the judge must not take that for silence."""
    said = "  FAILED:\n    rule: ratio_3d, time: 41h39m0s, err: query processing would load too many samples\n"
    with pytest.raises(JudgeError, match=r"ratio_3d, time: 41h39m0s, err: .* too many samples"):
        list(_complaints(said))


def test_a_record_sees_its_own_last_value_and_a_vanished_series_resolves(tmp_path: Path) -> None:
    """Records that refer to themselves count on; a series that goes stale takes its alert along at once."""
    found = [f for f in firings(_tape([1, 1, 1, 1, 1, 1, None, None]), [_pack(tmp_path)], tmp_path) if f.alert == "Sum"]
    assert [(f.start, f.end) for f in found] == [(60.0, 90.0)]


def test_a_run_without_alerts_has_no_firings(tmp_path: Path) -> None:
    """What promtool then says is success."""
    assert firings(_tape([0, 0, 0]), [_pack(tmp_path)], tmp_path) == []


def test_a_broken_rule_is_one_line(tmp_path: Path) -> None:
    """What promtool says of it, not a traceback."""
    pack = _pack(tmp_path, RULES.replace("2 * x", "2 *"))
    with pytest.raises(JudgeError, match=r"promtool: .*parse error") as caught:
        firings(_tape([1]), [pack], tmp_path)
    assert "\n" not in str(caught.value)


def test_the_names_of_a_pack_are_those_in_its_expressions(tmp_path: Path) -> None:
    """A superset: what is no series costs nothing."""
    assert {"x", "twice", "sum"} <= names([_pack(tmp_path)])
