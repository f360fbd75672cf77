"""Progress is counts that rise; a stall is work with no progress."""

from __future__ import annotations

from forewarn.sampling.progress import Progress

LIMIT = 20.0


def working(*counts: float, step: float = 2.0) -> tuple[Progress, float]:
    """A tracker that saw work and these token counts, one poll each; with the time of the last."""
    progress = Progress(LIMIT)
    for i, count in enumerate(counts):
        progress.work(i * step, present=True)
        progress.counts(i * step, {"tokens": count})
    return progress, (len(counts) - 1) * step


def test_the_first_poll_is_no_progress() -> None:
    """Counts found at the start tell nothing of when they moved."""
    progress, _ = working(500)
    assert progress.last is None


def test_a_count_that_rises_is_progress() -> None:
    """The time of the last rise is known."""
    progress, now = working(5, 5, 9, 9)
    assert progress.last == 4.0
    assert not progress.stalled(now)


def test_work_without_progress_is_a_stall_after_its_time() -> None:
    """Exactly when nothing has moved for long enough while work was there."""
    progress, _ = working(5, 9, 9)
    assert not progress.stalled(2.0 + LIMIT - 0.01)
    assert progress.stalled(2.0 + LIMIT)
    assert progress.still_since() == 2.0


def test_work_found_at_the_start_may_stall() -> None:
    """An engine that was wedged before the sidecar came is found out."""
    progress, _ = working(5)
    assert not progress.stalled(LIMIT - 0.01)
    assert progress.stalled(LIMIT)


def test_an_idle_engine_never_stalls() -> None:
    """Without work there is nothing to advance."""
    progress, now = working(5, 9)
    progress.work(now + 2, present=False)
    assert not progress.stalled(now + 1000)
    assert progress.still_since() is None


def test_work_after_idling_has_its_own_time() -> None:
    """The time an engine idled is not held against it."""
    progress, now = working(5, 9)
    progress.work(now + 2, present=False)
    progress.work(now + 900, present=True)
    assert not progress.stalled(now + 900 + LIMIT - 0.01)
    assert progress.stalled(now + 900 + LIMIT)


def test_a_stall_ends_with_the_first_token() -> None:
    """One count that moves is enough, whichever it is."""
    progress, _ = working(5)
    progress.counts(50.0, {"tokens": 5, "steps": 1})
    assert not progress.stalled(50.0)


def test_a_count_that_vanishes_or_returns_is_no_progress() -> None:
    """A page that loses a series for once does not end a stall."""
    progress, now = working(5, 9)
    progress.counts(now + 2, {})
    progress.counts(now + 4, {"tokens": 9})
    assert progress.last == now


def test_a_restart_is_no_progress_and_its_first_token_is() -> None:
    """A process that begins anew has moved once it has counted something."""
    progress, now = working(5, 9)
    progress.restart()
    progress.counts(now + 60, {"tokens": 0})
    assert progress.last == now
    progress.counts(now + 62, {"tokens": 1})
    assert progress.last == now + 62


def test_tokens_on_the_first_page_after_a_restart_are_progress() -> None:
    """They were made since."""
    progress, now = working(5, 9)
    progress.restart()
    progress.counts(now + 60, {"tokens": 3})
    assert progress.last == now + 60


def test_work_of_the_old_process_does_not_stall_the_new() -> None:
    """A restarted engine has its own time to produce its first token."""
    progress, now = working(5, 9)
    progress.restart()
    progress.work(now + 60, present=True)
    progress.counts(now + 60, {"tokens": 0})
    assert not progress.stalled(now + 60 + LIMIT - 0.01)
    assert progress.stalled(now + 60 + LIMIT)


def test_time_without_pages_is_not_held_against_the_engine() -> None:
    """After the page showed nothing for a while, work counts from when it is seen again."""
    progress, now = working(5, 9)
    progress.rest()
    assert not progress.stalled(now + 900)
    progress.work(now + 900, present=True)
    assert not progress.stalled(now + 900)
