"""SIGINT and SIGTERM of a program that has children to end. Standard library only: scripts use it too."""

from __future__ import annotations

import signal

_ENDING = (signal.SIGINT, signal.SIGTERM)


def raise_once() -> None:
    """Let the first of both signals raise KeyboardInterrupt, and those after it do nothing.

    SIGINT, too: a shell starts its background jobs with SIGINT ignored.
    """
    for number in _ENDING:
        signal.signal(number, _raise)


def hold_off() -> None:
    """From here on no signal cuts the ending short, which would leave some of the children running."""
    for number in _ENDING:
        signal.signal(number, lambda _number, _frame: None)  # SIG_IGN would complain of one that is pending


def _raise(_number: int, _frame: object) -> None:
    hold_off()
    raise KeyboardInterrupt
