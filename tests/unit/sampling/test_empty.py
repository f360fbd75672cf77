"""Empty outputs, estimated from short answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forewarn.sampling.empty import estimate
from tests.unit.sampling.builders import quick

requests = st.lists(st.tuples(st.integers(0, 12), st.one_of(st.none(), st.integers(1, 12)), st.booleans()), max_size=40)


@quick
@given(requests)
def test_the_estimate_lies_between_what_is_certain_and_what_stopped(
    found: list[tuple[int, int | None, bool]],
) -> None:
    """Of requests (tokens, max_tokens, aborted): never below the true number, never above what stopped."""
    served = [(min(tokens, asked or tokens), asked, aborted) for tokens, asked, aborted in found]
    short, tiny = sum(tokens <= 1 for tokens, _, _ in served), sum(limit == 1 for _, limit, _ in served)
    stopped = [(n, limit) for n, limit, aborted in served if not aborted and not (limit and n >= limit)]
    empties = sum(n <= 1 and limit != 1 for n, limit in stopped)
    estimated = estimate(short, tiny, len(stopped))
    assert 0 <= empties <= estimated <= len(stopped)


def test_one_token_that_was_all_that_was_asked_for_is_no_empty_output() -> None:
    """Requests with max_tokens=1 are taken off."""
    assert estimate(7, 3, 50) == 4
    assert estimate(2, 3, 50) == 0


def test_no_more_than_stopped_by_themselves() -> None:
    """Aborted requests without a token are not empty outputs."""
    assert estimate(9, 0, 2) == 2
