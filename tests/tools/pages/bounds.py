"""Bucket bounds of a family on a page: the catalogue's, or the rule it gives in words."""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING

from .spec import MAX_MODEL_LEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .catalogue import Catalogue
    from .spec import PageSpec

CUSTOM: Mapping[str, tuple[float, ...]] = {
    "ttft": (0.05, 0.2, 0.5, 1.5, 4.0, 12.0),
    "itl": (0.02, 0.04, 0.08, 0.2, 1.0),
    "latency": (0.25, 1.0, 3.0, 8.0, 20.0, 45.0),
    "tokens_125": (8.0, 64.0, 512.0),
}
"""`--custom-histogram-buckets` of one page; without a bound at 1, short answers cannot be counted there."""

_EAGER_0_6_5 = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8096)
_CUDA_GRAPH_SIZES = (1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64)


def one_two_five(limit: int) -> tuple[float, ...]:
    """1, 2, 5, 10, 20, 50 … up to and including `limit`."""
    series = (float(digit * 10**power) for power in count() for digit in (1, 2, 5))
    return tuple(takewhile(lambda bound: bound <= limit, series))


def _floats(values: Iterable[int]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def bounds(catalogue: Catalogue, name: str, spec: PageSpec) -> tuple[float, ...]:
    """Finite bounds of the bucket set `name` on that page."""
    if "custom-buckets" in spec.features and name in CUSTOM:
        return CUSTOM[name]
    if name == "tokens_125":
        return one_two_five(MAX_MODEL_LEN)
    found = catalogue.bounds(name, spec.version)
    if not isinstance(found, str):
        return found
    return _floats(_EAGER_0_6_5 if spec.engine == "v0" else _CUDA_GRAPH_SIZES)
