"""Inputs of a plan: what is impossible is one line that names the flag."""

from __future__ import annotations

from typing import Any

import pytest

from forewarn.errors import ConfigError
from forewarn.planner.inputs import Inputs, flag


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"average_load": 0}, "--average-load: expected a number over 0, got 0"),
        ({"average_load": float("nan")}, "--average-load: expected a number over 0, got nan"),
        ({"swing": 0.5}, "--swing: expected a number from 1 to 20, got 0.5"),
        ({"replica_requests_per_second": -1}, "--replica-requests-per-second: expected a number over 0, got -1"),
        ({"gpu_availability": 1.01}, "--gpu-availability: expected a number over 0 to 1, got 1.01"),
        ({"target_availability": 1}, "--target-availability: expected a number over 0 to below 1, got 1"),
        ({"spares": 1.5}, "--spares: expected a whole number from 0 to 1000, got 1.5"),
        ({"spares": True}, "--spares: expected a whole number from 0 to 1000, got True"),
        ({"usd_per_gpu_hour": -2}, "--usd-per-gpu-hour: expected a number from 0, got -2"),
        (
            {"reserved_share": 0.7, "spot_share": 0.4},
            "--reserved-share, --spot-share: expected shares that add up to at most 1",
        ),
    ],
)
def test_an_impossible_input_is_one_line(values: dict[str, Any], line: str) -> None:
    """The line names the flag, what it may be, and what was given."""
    with pytest.raises(ConfigError) as raised:
        Inputs(**{"replica_requests_per_second": 4.0, **values})
    assert str(raised.value) == line


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"replica_requests_per_second": 4.0, "replica_tokens_per_second": 900.0},
        {"replica_requests_per_second": 4.0, "replica_concurrency": 9.0, "request_seconds": 2.0},
    ],
)
def test_capacity_is_given_in_exactly_one_way(values: dict[str, Any]) -> None:
    """None is as wrong as two."""
    with pytest.raises(ConfigError, match="capacity of a replica: expected one of --replica-requests-per-second"):
        Inputs(**values)


@pytest.mark.parametrize("values", [{"replica_concurrency": 9.0}, {"request_seconds": 2.0}])
def test_littles_law_takes_both(values: dict[str, Any]) -> None:
    """Concurrency without a time says nothing, nor a time without concurrency."""
    with pytest.raises(ConfigError, match="expected both --replica-concurrency and --request-seconds"):
        Inputs(**values)


def test_a_flag_is_the_name_with_dashes() -> None:
    """As argparse maps it back."""
    assert flag("usd_per_gpu_hour") == "--usd-per-gpu-hour"
