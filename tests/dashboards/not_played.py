"""Series of the catalogue that no simulated engine moves: probes, warm-up, golden prompts, speculative decoding.

Made up, and so weak: they prove that a panel's query fits the labels, not that its shape tells anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.tape import SCRAPE_SECONDS
from tools.rules.labels import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.tape import Tape

COUNTERS = {
    'llm_probe_requests_total{kind="liveness",result="ok"}': 0.2,
    'llm_probe_tokens_total{kind="liveness"}': 2.0,
    'llm_probe_held_total{kind="golden",reason="budget"}': 0.01,
    'llm_quality_cases_total{suite="smoke",outcome="passed"}': 0.3,
    'llm_quality_cases_total{suite="smoke",outcome="failed"}': 0.01,
    'llm_quality_documents_total{source="file",result="accepted"}': 0.05,
    'llm_quality_documents_total{source="file",result="rejected"}': 0.0,
    "llm_requests_corrupted_total{}": 0.0,
    "llm_spec_decode_draft_tokens_total{}": 500.0,
    "llm_spec_decode_accepted_tokens_total{}": 350.0,
}
"""Growth at each scrape."""
GAUGES = {
    "llm_replica_warm{}": 1.0,
    "llm_warmup_failed{}": 0.0,
    "llm_warmup_duration_seconds{}": 31.0,
    "llm_replica_cold_start_seconds{}": 140.0,
    "llm_probe_success{}": 1.0,
    'llm_quality_score{suite="smoke"}': 0.97,
    'llm_quality_score{suite="facts"}': 0.93,
}
CANARY = {'llm_quality_score{suite="smoke"}': 0.86, 'llm_quality_score{suite="facts"}': 0.88}
WARMING = "llm_warmup_progress_ratio{}"
EVALUATED = 'llm_quality_evaluated_timestamp_seconds{suite="smoke"}'


def names() -> set[str]:
    """The series made up here; all are in the catalogue."""
    found = {key.partition("{")[0] for key in (*COUNTERS, *GAUGES, WARMING, EVALUATED)}
    assert found <= set(METRICS)
    return found


def lines(tape: Tape, end: float) -> Iterator[str]:
    """Their samples beside every sample of `llm_engine_up`."""
    names()
    for selector, values in tape.samples():
        if not selector.startswith("llm_engine_up{") or 'model=""' in selector:
            continue
        base = selector.removeprefix("llm_engine_up{").rstrip("}")
        canary = CANARY if re.search('track="canary"', base) else {}
        for at, (index, _) in enumerate(values):
            time = end - (tape.length - 1 - index) * SCRAPE_SECONDS
            for key, step in COUNTERS.items():
                yield _line(key, base, at * step, time)
            for key, value in {**GAUGES, **canary}.items():
                yield _line(key, base, value, time)
            yield _line(EVALUATED, base, time - 60, time)
            if at < 8:
                yield _line(WARMING, base, at / 8, time)


def _line(key: str, base: str, value: float, time: float) -> str:
    name, _, own = key.rstrip("}").partition("{")
    return f"{name}{{{own}{',' if own else ''}{base}}} {value!r} {time:.3f}\n"
