"""A fault as a row: how it is made, what the sidecar must say meanwhile, and within which memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from forewarn import signals
from forewarn.signals import CORE
from tests.faults.rig import of_the_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.faults.rig import Rig
    from tests.vllm.exposition import Page

USUAL_MIB = 48.0
"""Resident memory that no fault takes the sidecar over, unless its row says more."""
LARGE_MIB = 112.0
"""The bound while a page as large as any that is read is being read; the pod's limit is 128 MiB."""


def heal(rig: Rig) -> None:
    """Let the engine behave again."""
    rig.engine.edit = str
    rig.engine.heal()


@dataclass(frozen=True)
class Told:
    """What the page must say: in words, and as a condition."""

    words: str
    holds: Callable[[Page], bool]


@dataclass(frozen=True)
class Fault:
    """One fault. `begin` makes it, `end` ends it, `told` is what the page must say within two whole polls.

    `before` is what leads to it, and may take its time.
    `alone` gives it a sidecar of its own, set up by `variables` behind `wrapper`; {folder} stands for the test's own.
    `completes` is False where no poll ends while the fault lasts; then age alone tells. `answers` is False where the
    host leaves the sidecar nothing to answer with, so that a page that does not come is no failure.
    """

    name: str
    made: str
    told: Told
    begin: Callable[[Rig], None]
    end: Callable[[Rig], None] = heal
    before: Callable[[Rig], None] = lambda _rig: None
    mib: float = USUAL_MIB
    alone: bool = False
    simulated: bool = False
    secure: bool = False
    wrapper: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    completes: bool = True
    answers: bool = True

    @property
    def own(self) -> bool:
        """Whether it needs a sidecar of its own."""
        return bool(self.alone or self.simulated or self.secure or self.wrapper or self.variables)


SERIES = {
    signals.RUNNING: "llm_requests_running",
    signals.WAITING: "llm_requests_waiting",
    signals.KV_USAGE: "llm_kv_cache_usage_ratio",
    signals.PREEMPTIONS: "llm_preemptions_total",
    signals.TTFT: "llm_time_to_first_token_seconds_count",
    signals.TPOT: "llm_time_per_output_token_seconds_count",
    signals.E2E: "llm_request_duration_seconds_count",
    signals.QUEUE_TIME: "llm_queue_time_seconds_count",
    signals.PROMPT_TOKENS: "llm_prompt_tokens_total",
    signals.GENERATION_TOKENS: "llm_generation_tokens_total",
    signals.FINISHED: "llm_requests_finished_total",
}
"""A series of each core signal."""


def up(page: Page) -> bool:
    """Whether the engine is seen and every core signal of it."""
    seen = page.by("signal", "forewarn_signal_available")
    return (
        set(page.find("llm_engine_up").values()) == {1.0}
        and all(seen.get(signal) == 1.0 for signal in CORE)
        and all(page.find(name) for name in SERIES.values())
    )


def down(kind: str) -> Told:
    """Up is 0, nothing of the engine is shown, and the polls fail in this way."""

    def holds(page: Page) -> bool:
        return _gone(page) and page.by("result", "forewarn_polls_total").get(kind, 0.0) > 0

    return Told(f"up 0, every series of the engine absent, polls fail as `{kind}`", holds)


def _gone(page: Page) -> bool:
    return set(page.find("llm_engine_up").values()) == {0.0} and not of_the_engine(page)


GONE = Told("up 0 once the last sample is older than `poll.max_sample_age`, every series of the engine absent", _gone)


def blind(*signals: str, words: str = "") -> Told:
    """These signals are said to be missing and their series are absent; all others are shown."""

    def holds(page: Page) -> bool:
        available = page.by("signal", "forewarn_signal_available")
        told = {signal for signal in CORE if available.get(signal) == 0.0} == set(signals)
        return told and not any(page.find(SERIES[signal]) for signal in signals)

    names = ", ".join(f"`{signal}`" for signal in signals)
    return Told(words or f"signal {names} missing and its series absent, all others shown", holds)


FINE = Told("up 1, every core signal shown", up)


def fine(words: str, holds: Callable[[Page], bool] = lambda _page: True) -> Told:
    """The fault changes nothing of what is known of the engine, and besides `holds`."""
    return Told(
        f"up 1, every core signal shown; {words}" if words else FINE.words, lambda page: up(page) and holds(page)
    )
