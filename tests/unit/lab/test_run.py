"""A whole run, small: the real sidecar and promtool on a simulated fleet."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from lab import __main__ as cli
from lab import guard, oracle, play, report, run, suite
from lab.vllm_sim.reader import ScenarioError
from tests.unit.lab.lab_runs import SMALL, scenario

if TYPE_CHECKING:
    from pathlib import Path

WEDGE = (
    SMALL.replace("duration: 120", "duration: 420")
    + "incident: {kind: wedge, at: 121, step: true}\nfaults:\n  - {kind: wedge, at: 121, duration: 120}\n"
)
RAMP = SMALL.replace("rate: 2}", "rate: 2}\n  - {duration: 300, rate: {to: 9}}") + "incident: {kind: ramp, at: 120}\n"


def test_what_the_sidecar_exports_is_what_the_engine_did(tmp_path: Path) -> None:
    """Through page, poller, samplers and collectors: the last scrape has the engine's own counts."""
    plan = scenario(tmp_path, SMALL + "fleet: {replicas: 2}\n")
    played = play.play(plan, frozenset())
    names = frozenset({"llm_requests_finished_total", "up"})
    series = {item["series"]: item["values"].split() for item in played.tape.input_series(names)}
    finished = [float(values[-1]) for key, values in series.items() if 'reason="stop"' in key]
    judged = [verdict for verdict in played.verdicts if verdict.time <= 112.5]
    assert len(finished) == 2
    # The last whole poll is up to two seconds older than the scrape.
    assert len(judged) - 12 <= sum(finished) <= len(judged)
    assert {key: set(values) for key, values in series.items() if key.startswith("up{")} == {
        f'up{{instance="replica-{n}:{port}",job="{job}"}}': {"_", "1"}
        for n in (0, 1)
        for job, port in (("forewarn", 9841), ("vllm", 8000))
    }


def _never(_: float) -> None:
    raise AssertionError("played again")


def test_a_wedge_is_found_and_the_result_is_kept(tmp_path: Path) -> None:
    """The pack's own stall alert pages; a second look at the same inputs finds the kept result, another does not."""
    plan = scenario(tmp_path, WEDGE)
    packs = run.packs()
    result = run.run(plan, packs, tmp_path, lambda _: None)
    score = result["scores"][run.OURS]
    assert score["first_page"] == "LLMEngineStalled"
    assert 10.0 <= score["detection"] <= 30.0
    assert result["pain"][0]["start"] == pytest.approx(123.0, abs=3.0)
    assert set(result["scores"]) >= {"gie", "llm-d-553", "modelship", "vllm-doctor"}
    assert run.run(plan, packs, tmp_path, _never) == json.loads(json.dumps(result))
    # Other rules on the same play: it is judged anew and not played again.
    rules = shutil.copytree(run.RULES, tmp_path / "rules") / "replica.rules.yml"
    text = rules.read_text(encoding="utf-8")
    assert "expr: llm_engine_stalled == 1\n" in text
    rules.write_text(text.replace("_stalled == 1\n", "_stalled == 1\n        for: 30s\n"), encoding="utf-8")
    again = run.run(plan, run.packs(tmp_path / "rules"), tmp_path, _never)
    assert again["scores"][run.OURS]["detection"] == score["detection"] + 30.0
    report.write([result], tmp_path, [], packs[0].alerts())
    assert "| test (T) | sequences, 1 |" in (tmp_path / "results.md").read_text(encoding="utf-8")
    known = guard.committed(tmp_path / "results.json")
    assert list(guard.drops([result], known)) == []
    score["detection"] += 60.0
    score["false_pages"] += 1
    assert len(list(guard.drops([result], known))) == 2


def test_the_oracle_knows_a_ramp_before_it_hurts(tmp_path: Path) -> None:
    """Held at its level the load is too much before the pain; what waits seals it later."""
    plan = scenario(tmp_path, RAMP)
    played = play.play(plan, frozenset())
    found = oracle.oracle(plan, played.pain[0].start)
    assert found.held is not None
    assert found.held > 15.0
    assert (found.cut or 0.0) <= found.held


def test_the_command_tells_a_mistake_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no traceback."""
    (tmp_path / "bad.yaml").write_text(SMALL.replace("chat", "chit"), encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "--scenario", str(tmp_path / "bad.yaml"), "--out", str(tmp_path)])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(ScenarioError, match="no scenario nothing, expected one of"):
        suite.paths(names=["nothing"])


def test_the_command_runs_a_scenario_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON on the standard output, the result in the folder."""
    (tmp_path / "mine.yaml").write_text(SMALL, encoding="utf-8")
    code = cli.main(["run", "--scenario", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "out"), "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert (code, shown["scenario"], shown["incident"], shown["scores"]["forewarn"]["found"]) == (0, "mine", None, None)
    assert json.loads((tmp_path / "out" / "mine.json").read_text(encoding="utf-8"))["requests"] == shown["requests"]
