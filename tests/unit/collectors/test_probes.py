"""The probes' series: as catalogued, each when there is something to say, and few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from forewarn.catalogue import BY_NAME, PROBES
from forewarn.errors import FetchError
from tests.tools.goldens import CAPTURE
from tests.unit.probes.worlds import ProbeWorld, failure

if TYPE_CHECKING:
    from pathlib import Path

SUITE = "suite: smoke\ncases: [{prompt: a, expect: {contains: four}}, {id: b, prompt: b, expect: {exact: x}}]\n"


def busy(tmp_path: Path) -> ProbeWorld:
    """Every probe at work: warmed, probed, one case right and one wrong, scores from a file, a budget spent."""
    (tmp_path / "suite.yml").write_text(SUITE, encoding="utf-8")
    (tmp_path / "scores.json").write_text('{"mmlu": 0.5}', encoding="utf-8")
    world = ProbeWorld(
        quality__suites=str(tmp_path / "suite.yml"),
        quality__file=str(tmp_path / "scores.json"),
        probe__idle_after=5,
        probe__tokens_per_hour=40,
    )
    world.clock.jump_wall(3e9)  # later than the file was written
    world.engine.start_time = world.clock.wall()
    world.turn(1.5)
    return world


def test_every_series_of_the_catalogue_appears_as_catalogued(tmp_path: Path) -> None:
    """Progress while warming, the rest after."""
    world = busy(tmp_path)
    world.asker.takes = 2.0
    shown = set()
    for _ in range(60):
        for family in parse(generate_latest(world.parts.registry).decode()):
            name = family.name + ("_total" if family.type == "counter" else "")
            if name not in BY_NAME or BY_NAME[name] not in PROBES:
                continue
            metric = BY_NAME[name]
            shown.add(name)
            assert (family.type, family.documentation) == (metric.type, metric.help)
            assert all(sample.labels.keys() == set(metric.all_labels) for sample in family.samples)
        world.turn(2.0)
    assert shown == {metric.name for metric in PROBES}


def test_an_engine_that_is_down_is_neither_warm_nor_cold() -> None:
    """What says something of the engine now goes with it; what was counted stays."""
    world = ProbeWorld(probe__idle_after=5)
    world.turn(60.0)
    assert (world.value("llm_replica_warm"), world.value("llm_probe_success")) == (1, 1)
    world.engine.error = FetchError("refused", "no")
    world.turn(3.0)
    for name in ("llm_replica_warm", "llm_warmup_failed", "llm_probe_success"):
        assert world.value(name) is None
    assert world.value("llm_replica_cold_start_seconds") is not None
    assert world.value("llm_probe_requests_total", kind="liveness") is not None


def test_counters_never_fall(tmp_path: Path) -> None:
    """Through restarts, failures and waits."""
    world = busy(tmp_path)
    before: dict[object, float] = {}
    for turn in range(40):
        if turn % 10 == 5:
            world.engine.restart()
        if turn == 20:
            world.asker.reply = lambda _ask: failure("timeout")
        world.turn(3.0)
        now = {key: value for key, value in world.exported().items() if key[0].endswith("_total")}
        assert all(now.get(key, 0.0) >= value for key, value in before.items())
        before = now


def test_with_probes_at_work_a_replica_still_costs_at_most_half_of_the_engine_s_page() -> None:
    """Default settings, warmed and probed, on the page of a real engine."""
    raw = CAPTURE.read_text(encoding="utf-8")
    world = ProbeWorld()
    world.turn(120.0)
    own = {key for key in world.exported() if BY_NAME.get(key[0]) in PROBES}
    assert {name for name, _ in own} >= {"llm_replica_warm", "llm_replica_cold_start_seconds", "llm_probe_success"}
    quiet = ProbeWorld()
    quiet.engine.edit = lambda _page: raw
    quiet.engine.filter = "fails"
    quiet.turn(1.5)
    exported = {key for key in quiet.exported() if BY_NAME.get(key[0]) not in PROBES}
    # What a two-speed sidecar that has seen progress shows besides: the fast poll's two series, the progress.
    assert len(exported) + 3 + len(own) <= sum(not line.startswith("#") for line in raw.splitlines()) / 2


def test_scores_find_their_gate(tmp_path: Path) -> None:
    """LLMQualityBelowGate joins each score with the objective on everything but the suite, whoever scored it."""
    (tmp_path / "suite.yml").write_text(SUITE, encoding="utf-8")
    world = ProbeWorld(
        warmup__enabled=False, quality__suites=str(tmp_path / "suite.yml"), objectives__quality_score=0.9
    )
    world.turn(5.0)
    world.probes.post.take(b'{"mmlu": 0.5}')
    exported = world.exported()
    gates = {labels for name, labels in exported if name == "llm_objective_quality_score"}
    scores = {labels for name, labels in exported if name == "llm_quality_score"}
    assert {dict(labels)["suite"] for labels in scores} == {"smoke", "mmlu"}
    assert {tuple(pair for pair in labels if pair[0] != "suite") for labels in scores} <= gates
