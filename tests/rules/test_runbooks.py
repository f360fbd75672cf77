"""Every runbook can be followed: its sections are there, its queries work, its series exist."""

from __future__ import annotations

import pytest

from tools.rules import pack, runbooks

LOADED = pack.load()
BOOKS = [pytest.param(book, id=book.name) for book in runbooks.load(pack.RUNBOOKS)]
WHOLE = "\n\n".join(
    ["# LLMQueueGrowing", "*critical, leading*", *(f"## {title}\n\nText." for title in runbooks.SECTIONS)]
)


@pytest.mark.parametrize("book", BOOKS)
def test_a_runbook_has_the_five_sections(book: runbooks.Runbook) -> None:
    """Whoever is woken finds the same things at the same place."""
    assert book.sections == runbooks.SECTIONS


@pytest.mark.parametrize("book", BOOKS)
def test_a_runbook_says_how_severe_its_alert_is(book: runbooks.Runbook) -> None:
    """Name, then severity and leading or not, as the rules have them."""
    rules = [rule for rule in LOADED.alerts if rule.name == book.name]
    assert book.head[0] == f"# {book.name}"
    assert book.head[1].startswith("*")
    assert all(rule.labels["severity"] in book.head[1] for rule in rules)
    assert "leading" in book.head[1]
    leads = {rule.labels["leading"] for rule in rules}
    assert len(leads) > 1 or ("not leading" in book.head[1]) == (leads == {"false"})


@pytest.mark.parametrize("book", BOOKS)
def test_what_a_runbook_tells_to_look_at_exists(book: runbooks.Runbook) -> None:
    """Its queries parse, and read series that the sidecar exports or the pack records."""
    assert list(book.problems(LOADED)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```promql\nllm_requests_waiting_total\n```", "no such series: llm_requests_waiting_total"),
        ("```promql\nrate(llm_preemptions_total)\n```", "not PromQL"),
        ("   ```promql\n   # first\n   llm_engine_up\n   llm:nothing\n   ```", "no such series: llm:nothing"),
        ("Look at `llm_kv_cache_usage`.", "no such series: llm_kv_cache_usage"),
        ("Look at `forewarn_poll_seconds > 1`.", "no such series: forewarn_poll_seconds"),
    ],
)
def test_a_query_that_cannot_work_is_seen(text: str, said: str) -> None:
    """In blocks, of one or several queries, and in running text."""
    assert any(said in problem for problem in runbooks.Runbook("A", text).problems(LOADED))


def test_a_query_over_several_lines_is_one_query() -> None:
    """A block is one query where that parses, else a query each line; blank lines part queries."""
    text = "```promql\nllm_engine_up  # up\n  == 0\n\nllm_engine_stalled\nllm_replica_ready\n```"
    assert list(runbooks.Runbook("A", text).queries()) == [
        "llm_engine_up\n== 0",
        "llm_engine_stalled",
        "llm_replica_ready",
    ]


def test_sections_are_read_in_order_and_not_from_code() -> None:
    """A shell comment in a block is no section."""
    text = WHOLE.replace("Text.", "```sh\n## no section\n```", 1)
    assert runbooks.Runbook("LLMQueueGrowing", text).sections == runbooks.SECTIONS
