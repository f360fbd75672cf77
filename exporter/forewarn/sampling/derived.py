"""Signals that come from other signals: what they come from, and whether a rank shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.snapshot import SignalSource

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from forewarn.sampling.rank import RankSampler

_DERIVED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        s.EMPTY,
        (s.GENERATION_LENGTH, s.MAX_TOKENS_ASKED, s.FINISHED),
        "requests of at most one token, less those that asked for at most one",
    ),
    (s.ARRIVED, (s.TTFT, s.WAITING, s.RUNNING), "first tokens seen plus requests waiting"),
)
"""Signal, what it needs, what it means."""


def derived_sources(sources: Mapping[str, SignalSource], ranks: Collection[RankSampler]) -> dict[str, SignalSource]:
    """Where each derived signal comes from: the plugin's own count where there is one, else what it is made of."""
    derived = {}
    for name, inputs, meaning in _DERIVED:
        missing = [signal for signal in inputs if not any(signal in rank.present for rank in ranks)]
        if missing:
            derived[name] = SignalSource("", exact=False, reason="needs " + ", ".join(missing))
        else:
            series = " ".join(sources[signal].series for signal in inputs if signal in sources)
            derived[name] = SignalSource(series, exact=False, reason=meaning)
    for name, exact in s.EXACT.items():
        if any(exact in rank.present for rank in ranks):
            derived[name] = sources[exact]
    return derived


def shown_by_any(signal: str, ranks: Collection[RankSampler]) -> bool:
    """Whether a rank has a value of the signal at present."""
    if signal == s.EMPTY:
        return any(rank.totals[s.EMPTY].source for rank in ranks)
    if signal == s.ARRIVED:
        return any(rank.arrivals.value is not None for rank in ranks)
    return any(signal in rank.present for rank in ranks)
