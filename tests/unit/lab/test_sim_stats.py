"""Histograms, bucket bounds and HTTP counts."""

from __future__ import annotations

import pytest

from lab.vllm_sim.stats import Histogram, HttpStats, token_count_bounds


def test_value_on_a_bound_is_below_it() -> None:
    """`le` means less or equal; beyond the last bound lies +Inf."""
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert (histogram.count, histogram.total) == (5, 7.5)


def test_one_call_can_count_many() -> None:
    """`times` observations of one value equal as many calls."""
    histogram = Histogram((1.0,))
    histogram.observe(0.25, times=8)
    assert (histogram.counts, histogram.count, histogram.total) == ([8, 0], 8, 2.0)


@pytest.mark.parametrize(
    ("max_model_len", "bounds"),
    [(2048, (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)), (10, (1, 2, 5, 10)), (1, (1,))],
)
def test_token_bounds_end_at_the_context_length(max_model_len: int, bounds: tuple[float, ...]) -> None:
    """Token histograms have the 1-2-5 series up to max_model_len."""
    assert token_count_bounds(max_model_len) == bounds


def test_http_counts_by_status_class_and_handler() -> None:
    """Responses are grouped by class of status; each class remembers when it was first seen."""
    http = HttpStats()
    for at, status in ((10.0, 200), (11.0, 204), (12.0, 404)):
        http.record(("/v1/models", "GET"), status, at, 0.2, (1, 5))
    route = http.routes["/v1/models", "GET"]
    assert route.statuses == {"2xx": (2, 10.0), "4xx": (1, 12.0)}
    assert (route.since, route.request_bytes, route.response_bytes) == (10.0, 3, 15)
    assert http.durations.count == route.durations.count == 3
