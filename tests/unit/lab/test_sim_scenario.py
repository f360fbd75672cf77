"""Scenario files: what they may say, and what is said about those that are wrong."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest

from lab.vllm_sim.faults import Crash, RenameMetric, SlowDecode
from lab.vllm_sim.reader import ScenarioError
from lab.vllm_sim.scenario import load_scenario
from lab.vllm_sim.workload import Lengths

if TYPE_CHECKING:
    from pathlib import Path

PHASE = "phases: [{duration: 60, rate: 5, prompt_tokens: 100, output_tokens: 10}]\n"


def write(folder: Path, text: str) -> Path:
    """Write a scenario file."""
    path = folder / "case.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_small_scenario_has_defaults(tmp_path: Path) -> None:
    """Phases are all that a scenario must have; its name is the file's."""
    scenario = load_scenario(write(tmp_path, PHASE))
    assert (scenario.name, scenario.seed, scenario.faults, scenario.traffic.loop) == ("case", 1, (), True)
    assert scenario.traffic.phases[0].prompt == Lengths(100)


def test_phase_inherits_from_the_one_before(tmp_path: Path) -> None:
    """A phase says only what changes; its rate begins where the last one ended."""
    text = PHASE.replace("]", ", {duration: 30, rate: {to: 9}, empty_share: 0.2}, {duration: 10}]")
    first, ramp, last = load_scenario(write(tmp_path, text)).traffic.phases
    assert (ramp.rate_from, ramp.rate_to, ramp.prompt) == (5.0, 9.0, first.prompt)
    assert (last.rate_from, last.rate_to, last.empty_share) == (9.0, 9.0, 0.2)


def test_faults_are_read(tmp_path: Path) -> None:
    """Each kind has its own keys; a duration left out means to the end."""
    text = PHASE + (
        "faults:\n"
        "- {kind: crash, at: 1, restart_after: 5}\n"
        "- {kind: slow_decode, at: 2, factor: 3}\n"
        "- {kind: rename_metric, at: 3, duration: 4, from: 'vllm:kv_cache_usage_perc', to: kv}\n"
    )
    assert load_scenario(write(tmp_path, text)).faults == (
        Crash(1.0, 5.0),
        SlowDecode(2.0, inf, factor=3.0),
        RenameMetric(3.0, 4.0, old="vllm:kv_cache_usage_perc", new="kv"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a mapping, got nothing"),
        ("phases: [", "not valid YAML: expected the node content"),
        ("seed: 1\nseed: 2\n" + PHASE, "line 2, column 1: not valid YAML: seed is given twice"),
        ("a: \x01", "not valid YAML: unacceptable character"),
        ("seed: 1", "phases: expected a list of at least one phase"),
        ("phases: 3", "phases: expected a list, got 3"),
        ("phases: [4]", "phases[0]: expected a mapping, got 4"),
        (PHASE + "sed: 3", "sed: unknown key, did you mean seed?"),
        (PHASE + "zzz: 3", "zzz: unknown key, expected one of description, name, engine"),
        (PHASE + "seed: 1.5", "seed: expected a whole number >= 0, got 1.5"),
        (PHASE + "seed: true", "seed: expected a whole number >= 0, got True"),
        (PHASE + "name: 3", "name: expected a text, got 3"),
        (PHASE + "at_end: lop", "at_end: expected one of loop, hold, got 'lop', did you mean loop?"),
        (PHASE + "ttft_slo_seconds: 0", "ttft_slo_seconds: expected a number > 0, got 0"),
        (PHASE + "engine: {max_num_seq: 3}", "engine.max_num_seq: unknown key, did you mean max_num_seqs?"),
        (
            PHASE + "engine: {step_time: {base_seconds: x}}",
            "engine.step_time.base_seconds: expected a number > 0, got 'x'",
        ),
        (
            PHASE + "engine: {max_num_seqs: 4096}",
            "engine.max_num_batched_tokens: expected at least max_num_seqs (4096)",
        ),
        (
            PHASE + "engine: {num_gpu_blocks: 2}",
            "engine.max_model_len: expected at most (num_gpu_blocks - 1) * block_size = 16",
        ),
        (PHASE.replace("60", "0"), "phases[0].duration: expected a number > 0, got 0"),
        (PHASE.replace("60", ".inf"), "phases[0].duration: expected a number > 0, got inf"),
        (PHASE.replace("rate: 5, ", ""), "phases[0].rate: expected a number >= 0, got nothing"),
        (PHASE.replace("5", "{from: -1, to: 2}"), "phases[0].rate.from: expected a number >= 0, got -1"),
        (PHASE.replace("5", "{from: 1}"), "phases[0].rate.to: expected a number >= 0, got nothing"),
        (PHASE.replace("100", "{mean: 0}"), "phases[0].prompt_tokens.mean: expected a number >= 1, got 0"),
        (PHASE.replace("10}", "0}"), "phases[0].output_tokens: expected a whole number >= 1, got 0"),
        (PHASE.replace("10}", "10, empty_share: 2}"), "phases[0].empty_share: expected a number from 0 to 1, got 2"),
        (PHASE.replace("10}", "10, max_tokens: 0}"), "phases[0].max_tokens: expected a whole number >= 1, got 0"),
        (
            PHASE.replace("10}", "10, finish_share: {error: 0.6, abort: 0.6}}"),
            "phases[0].finish_share: expected shares that add up to at most 1",
        ),
        (PHASE.replace("10}", "10, finish_share: {stop: 1}}"), "phases[0].finish_share.stop: unknown key"),
        (PHASE + "faults: [{kind: wege, at: 1}]", "faults[0].kind: expected one of wedge, crash"),
        (PHASE + "faults: [{kind: wedge}]", "faults[0].at: expected a number >= 0, got nothing"),
        (PHASE + "faults: [{kind: wedge, at: 60}]", "faults[0].at: expected less than the phases' 60 s, got 60"),
        (PHASE + "faults: [{kind: crash, at: 1}]", "faults[0].restart_after: expected a number > 0, got nothing"),
        (PHASE + "faults: [{kind: slow_decode, at: 1, factor: 1}]", "faults[0].factor: expected a number > 1, got 1"),
        (
            PHASE + "faults: [{kind: rename_metric, at: 1, from: 'vllm:kv_cache_usage', to: x}]",
            "did you mean vllm:kv_cache_usage_perc?",
        ),
        (
            PHASE + "faults: [{kind: rename_metric, at: 1, from: 'vllm:num_preemptions_total', to: x}]",
            "faults[0].to: expected a name that ends in _total, as vllm:num_preemptions_total is a counter, got 'x'",
        ),
        (
            PHASE + "faults: [{kind: rename_metric, at: 1, from: 'vllm:num_requests_running', to: python_info}]",
            "faults[0].to: expected a name that the page does not have yet, got 'python_info'",
        ),
    ],
)
def test_mistakes_are_named_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    """Every mistake gives one line with the file, the key's path and what was expected."""
    path = write(tmp_path, text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is a scenario error, not a traceback."""
    with pytest.raises(ScenarioError, match=r"none\.yaml: cannot be read: No such file or directory"):
        load_scenario(tmp_path / "none.yaml")
