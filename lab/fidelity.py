"""`python -m lab.fidelity`: how far the simulated engine is from real ones; rewrites fidelity.md and its plots.

Without options the committed recordings of the real CPU vLLM are played again on the model. `--record` makes new
ones first; `--traces DIR` adds the two measured replays, which are not part of this repository.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lab.fidelity_capture import load_run
from lab.fidelity_fit import fit, paces
from lab.fidelity_load import LOADS
from lab.fidelity_model import engine_shape, play, work_of
from lab.fidelity_replay import BLOCK_SIZE, MAX_MODEL_LEN, NAMES, TracesError, load_replay, smooth
from lab.fidelity_report import Case, plot, rewrite, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.vllm_sim.shape import StepTime

LAB = Path(__file__).parent
RUNS, PLOTS, PAGE = LAB / "fidelity_runs", LAB / "fidelity_plots", LAB / "fidelity.md"
REPLAY_WINDOW = 5.0
"""Seconds of telemetry in one equation of a replay's fit."""


def engine_cases() -> tuple[list[Case], StepTime]:
    """Play the recorded loads on the model, all with the step time fitted to the first."""
    runs = [load_run(RUNS / f"{load.name}.json") for load in LOADS]
    step = fit(work_of(runs[0]))
    return [
        Case(
            run,
            play(run, engine_shape(run.shape, step), paces(work_of(run), step)),
            play(run, engine_shape(run.shape, step)),
        )
        for run in runs
    ], step


def replay_cases(traces: Path) -> list[tuple[Case, StepTime]]:
    """Play the measured replays on the model, each with the step time fitted to the other."""
    replays = {name: load_replay(traces, name) for name in NAMES}
    work = {name: smooth(replay.work, REPLAY_WINDOW) for name, replay in replays.items()}
    cases = []
    for name, other in zip(NAMES, reversed(NAMES), strict=True):
        run, step = replays[name].run, fit(work[other])
        shape = engine_shape(run.shape, step, BLOCK_SIZE, MAX_MODEL_LEN)
        paced = play(run, shape, paces(work[name], step))
        fresh = engine_shape(run.shape, step, BLOCK_SIZE, MAX_MODEL_LEN)
        cases.append((Case(run, paced, play(run, fresh)), step))
    return cases


def step_text(step: StepTime) -> str:
    """Return a fitted step time in words."""
    return (
        f"{step.base * 1e3:.2f} ms + {step.per_prefill_token * 1e6:.1f} µs per prompt token "
        f"+ {step.per_decode_sequence * 1e6:.0f} µs per decoding sequence"
    )


def _write_engine() -> None:
    cases, step = engine_cases()
    for case in cases:
        plot(case, PLOTS)
    rewrite(PAGE, "engine", f"Step time fitted to {cases[0].real.name}: {step_text(step)}.\n\n{tables(cases)}")


def _write_replays(traces: Path) -> None:
    found = replay_cases(traces)
    for case, _ in found:
        plot(case, PLOTS)
    fits = "\n".join(f"* {case.real.name}, fitted to the other replay: {step_text(step)}" for case, step in found)
    rewrite(PAGE, "replays", f"{fits}\n\n{tables([case for case, _ in found])}")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, 2 for traces that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m lab.fidelity", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help="record the loads on a real CPU vLLM first (5 minutes)")
    parser.add_argument("--venv", type=Path, default=Path(".venv-vllm"), help="where vLLM is installed (%(default)s)")
    parser.add_argument("--traces", type=Path, metavar="DIR", help="folder of the measured replays vllm-replay-*.csv")
    options = parser.parse_args(argv)
    if options.record:
        # Only recording needs a vLLM.
        from lab.fidelity_real import record  # noqa: PLC0415

        with tempfile.TemporaryDirectory(prefix="fidelity-") as work:
            record(options.venv, Path(work), RUNS, _say)
    _write_engine()
    try:
        if options.traces:
            _write_replays(options.traces)
    except TracesError as error:
        _say(f"lab.fidelity: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
