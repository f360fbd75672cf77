"""Tokens and requests by outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.collectors.base import add_counters
from forewarn.sampling.sources import PAGE, PLUGIN

if TYPE_CHECKING:
    from forewarn.collectors.base import Families, View

_COUNTERS = {
    s.PROMPT_TOKENS: "llm_prompt_tokens_total",
    s.CACHED_TOKENS: "llm_prompt_tokens_cached_total",
    s.GENERATION_TOKENS: "llm_generation_tokens_total",
    s.CORRUPTED: "llm_requests_corrupted_total",
    s.SPEC_DRAFT: "llm_spec_decode_draft_tokens_total",
    s.SPEC_ACCEPTED: "llm_spec_decode_accepted_tokens_total",
}
_BY_REASON = {s.FINISHED: "llm_requests_finished_total", s.REJECTED: "llm_requests_rejected_total"}

_METHODS = {PLUGIN: "exact", PAGE: "estimated"}


def collect(view: View, out: Families) -> None:
    """Add the series of tokens and requests."""
    add_counters(view, out, _COUNTERS)
    for labels, rank in view.ranks():
        for signal, name in _BY_REASON.items():
            for reason, value in rank.exported(signal).items():
                out.add(name, (*labels, reason), value)
        # Each method has a series of its own, so that a change of method is no jump of either.
        empty = rank.totals[s.EMPTY]
        if empty.source is not None:
            out.add("llm_requests_empty_total", (*labels, _METHODS[empty.source]), empty.counted(empty.source))
