"""Plays one fault: begins it, waits for the truth, ends it, waits for recovery."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.rows import up

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.rig import Look, Rig
    from tests.faults.rows import Fault
    from tests.vllm.exposition import Page

POLLS = 2
"""Whole polls within which the truth is told, and within which all is well again."""
_PATIENCE = 40.0
"""Seconds after which a test that waits for a poll gives up, however slow the machine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen: whole polls until the truth and until recovery, and the greatest resident size in MiB."""

    told: int
    recovered: int
    mib: float


class _Count:
    """Whole polls done since a look. One that was under way then may still end as if nothing had happened."""

    def __init__(self, first: Look) -> None:
        self._first = first

    def done(self, look: Look) -> int:
        """Polls begun since, but for the one under way; one that failed is done."""
        return max(0, look.begun - self._first.begun - 1, look.failed - self._first.failed)


def play(rig: Rig, fault: Fault) -> Outcome:
    """Play `fault` on a healthy rig. Raises AssertionError when the sidecar fails it."""
    _until(rig, up, "before the fault: every core signal")
    rig.broken.clear()
    rig.reset_peak()
    fault.before(rig)
    count = _Count(rig.look())
    fault.begin(rig)
    try:
        told = _truth(rig, fault, count) if fault.answers else 0
    finally:
        before = None if fault.simulated or not fault.answers else rig.look()
        fault.end(rig)
    # An engine that has to start first, or a host that has nothing to answer with, is given that time.
    recovered = _within(rig, up, _Count(before or rig.look()), "recovered: every core signal")
    broken = [line for line in rig.broken if fault.answers or not line.startswith("no page")]
    assert broken == [], broken[:5]
    mib = rig.peak_mib()
    assert mib <= fault.mib, f"resident memory {mib:.1f} MiB, at most {fault.mib:g} expected"
    return Outcome(told, recovered, round(mib, 1))


def _truth(rig: Rig, fault: Fault, count: _Count) -> int:
    """Whole polls until the truth was told, and it still is after another."""
    told = _within(rig, fault.told.holds, count, fault.told.words, least=1 if fault.completes else 0)
    look = rig.look()
    if fault.completes:
        again, deadline = _Count(look), time.monotonic() + _PATIENCE
        while again.done(look := rig.look()) < 1 and time.monotonic() < deadline:
            time.sleep(0.03)
    assert fault.told.holds(look.page), f"no longer {fault.told.words}; {_shown(look.page)}"
    return told


def _within(rig: Rig, holds: Callable[[Page], bool], count: _Count, what: str, *, least: int = 0) -> int:
    """Whole polls done when `holds` is first seen after `least` of them; fails when POLLS did not do."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        look = rig.look()
        done = count.done(look)
        if done >= least and holds(look.page):
            return done
        if done >= POLLS or time.monotonic() > deadline:
            raise AssertionError(f"after {done} polls not {what}; {_shown(look.page)}\n{rig.log()[-1500:]}")
        time.sleep(0.03)


def _until(rig: Rig, holds: Callable[[Page], bool], what: str) -> None:
    """Wait for `holds`, for as many polls as it takes."""
    deadline = time.monotonic() + _PATIENCE
    while not holds((look := rig.look()).page):
        if time.monotonic() > deadline:
            raise AssertionError(f"not {what}; {_shown(look.page)}\n{rig.log()[-1500:]}")
        time.sleep(0.03)


def _shown(page: Page) -> str:
    up_is = sorted(page.find("llm_engine_up").values())
    missing = sorted(s for s, seen in page.by("signal", "forewarn_signal_available").items() if not seen)
    return f"up {up_is}, polls {page.by('result', 'forewarn_polls_total')}, missing {missing}"
