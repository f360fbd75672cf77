"""Empty outputs, estimated from two histograms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.sampling.empty import estimate
from tests.unit.sampling.builders import histogram, quick

EDGES = (1.0, 2.0, 5.0, 10.0, math.inf)
requests = st.lists(st.tuples(st.integers(0, 12), st.one_of(st.none(), st.integers(1, 12)), st.booleans()), max_size=40)


@quick
@given(requests)
def test_the_estimate_lies_between_what_is_certain_and_what_stopped(
    found: list[tuple[int, int | None, bool]],
) -> None:
    """Of requests (tokens, max_tokens, aborted): never below the true number, never above what stopped."""
    served = [(min(tokens, asked or tokens), asked, aborted) for tokens, asked, aborted in found]
    lengths = histogram(EDGES, [float(tokens) for tokens, _, _ in served])
    asked = histogram(EDGES, [float(limit) for _, limit, _ in served if limit])
    stopped = [(n, limit) for n, limit, aborted in served if not aborted and not (limit and n >= limit)]
    empties = sum(n <= 1 and limit != 1 for n, limit in stopped)
    estimated = estimate(lengths, asked, len(stopped))
    assert estimated is not None
    assert 0 <= empties <= estimated <= len(stopped)


def test_one_token_that_was_all_that_was_asked_for_is_no_empty_output() -> None:
    """Requests with max_tokens=1 are taken off."""
    assert estimate(histogram(EDGES, [1.0] * 7), histogram(EDGES, [1.0] * 3), 50) == 4
    assert estimate(histogram(EDGES, [1.0] * 2), histogram(EDGES, [1.0] * 3), 50) == 0


def test_no_more_than_stopped_by_themselves() -> None:
    """Aborted requests without a token are not empty outputs."""
    assert estimate(histogram(EDGES, [0.0] * 9), histogram(EDGES), 2) == 2


@pytest.mark.parametrize("odd", [(2.0, math.inf), (0.5, 1.5, math.inf), (math.inf,)])
def test_without_an_edge_at_one_token_it_cannot_be_told(odd: tuple[float, ...]) -> None:
    """Custom buckets without an edge at 1 give no estimate, rather than zero."""
    whole = histogram(EDGES, [1.0])
    assert estimate(histogram(odd, [1.0]), whole, 5) is None
    assert estimate(whole, histogram(odd, [1.0]), 5) is None
