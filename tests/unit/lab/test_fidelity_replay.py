"""Reading measured replays: lengths and KV capacity out of the telemetry, and mistakes in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.fidelity_replay import BLOCK_SIZE, TracesError, load_replay, smooth

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A replay of two requests side by side: 100 prompt tokens each, 50 decoded at 10 steps per second."""
    (tmp_path / "vllm-replay-x100-requests.csv").write_text(
        "t_s,prompt_tokens,output_tokens_cap,ttft_s,e2e_s\n1.0,100,1024,0.0,5.0\n1.0,100,1024,0.0,5.0\n", "utf-8"
    )
    rows = [f"{at / 2},2,0,0,{usage(at / 2)},0,20" for at in range(2, 13)]
    head = "t_s,num_running,num_waiting,num_swapped,kv_usage_pct,prompt_tok_s,gen_tok_s"
    (tmp_path / "vllm-replay-x100-telemetry.csv").write_text("\n".join([head, *rows]) + "\n", "utf-8")
    return tmp_path


def usage(at: float) -> float:
    """Return the percentage of a cache of 16,000 tokens that both requests hold; none after their end at 6 s."""
    return 100 * 2 * (100 + 51 * (at - 1) / 5) / 16_000 if at < 6 else 0.0


def test_lengths_and_capacity_follow_from_the_telemetry(folder: Path) -> None:
    """Steps between first and last token are the output; tokens held over usage are the capacity."""
    replay = load_replay(folder, "x100")
    assert [sent.output_tokens for sent in replay.run.requests] == [51, 51]
    assert (replay.run.shape.num_gpu_blocks - 1) * BLOCK_SIZE == 16_000
    assert {item.steps / item.seconds for item in replay.work} == {10.0}


def test_smoothing_keeps_the_sums(folder: Path) -> None:
    """Windows of telemetry add up to what their rows say."""
    work = load_replay(folder, "x100").work
    wide = smooth(work, 2.0)
    assert len(wide) < len(work)
    assert sum(item.steps for item in wide) == pytest.approx(sum(item.steps for item in work))


def test_missing_and_broken_files_are_one_line(folder: Path) -> None:
    """A mistake names the files and what was expected."""
    with pytest.raises(TracesError, match=r"vllm-replay-x500-\*\.csv: .*expected the measured replay's"):
        load_replay(folder, "x500")
    (folder / "vllm-replay-x100-telemetry.csv").write_text("t_s,num_running\n1,2\n", "utf-8")
    with pytest.raises(TracesError, match="num_waiting"):
        load_replay(folder, "x100")
