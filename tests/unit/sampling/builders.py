"""Histograms and streams of observations for tests of the samplers."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from forewarn.snapshot import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

edges = st.lists(st.sampled_from([0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 10.0]), unique=True, max_size=6).map(
    lambda found: (*sorted(found), math.inf)
)
observations = st.lists(st.floats(0, 20, allow_nan=False).map(lambda value: round(value, 3)), max_size=12)


def histogram(bounds: Sequence[float], values: Sequence[float] = ()) -> Histogram:
    """The cumulative histogram of `values` under `bounds`, which end in +Inf."""
    counts = [0.0] * len(bounds)
    for value in values:
        for i in range(bisect_left(bounds, value), len(bounds)):
            counts[i] += 1
    return Histogram(tuple(bounds), tuple(counts), math.fsum(values))


def of(*counts: float, bounds: Sequence[float] = (1.0, 2.0), total: float = 1.0) -> Histogram:
    """A histogram with these cumulative counts under `bounds` and +Inf."""
    return Histogram((*bounds, math.inf), counts, total)
