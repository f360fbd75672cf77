"""Tokens and requests by outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.collectors.base import add_counters

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


def collect(view: View, out: Families) -> None:
    """Add the series of tokens and requests."""
    add_counters(view, out, _COUNTERS)
    for labels, rank in view.ranks():
        for signal, name in _BY_REASON.items():
            if signal in rank.present:
                for reason, counter in rank.split[signal].items():
                    out.add(name, (*labels, reason), counter.value)
        if {s.GENERATION_LENGTH, s.MAX_TOKENS_ASKED, s.FINISHED} <= rank.present:
            out.add("llm_requests_empty_total", (*labels, "estimated"), rank.empty.value)
