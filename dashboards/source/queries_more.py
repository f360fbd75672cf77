"""Queries about deployments: which of many to show."""

from __future__ import annotations

KEYS = "cluster, namespace, deployment, model"
"""What the pack's records of a deployment are told apart by."""
PLACE_TITLES = {"cluster": "Cluster", "namespace": "Namespace", "deployment": "Deployment"}
KEY_TITLES = {**PLACE_TITLES, "model": "Model"}


def highest(expr: str, count: int = 4) -> str:
    """The lines of an expression that were highest at any time shown, so that they do not come and go."""
    return f"({expr}) and topk({count}, max_over_time(({expr})[$__range:1m] @ end()))"


def lowest(expr: str, count: int = 4) -> str:
    """The lines of an expression that were lowest at any time shown."""
    return f"({expr}) and bottomk({count}, min_over_time(({expr})[$__range:1m] @ end()))"


def among_highest(rank: str, count: int) -> str:
    """What ranks highest, the same in every query of a panel: among equals, topk picks by chance.

    Equals of the last one come along, so a rank should have few.
    """
    return f"(({rank}) >= scalar(min(topk({count}, {rank}))))"


def each(expr: str, *more: str) -> str:
    """One value a deployment, without the series' name: what tables are joined by."""
    return f"max by ({', '.join((KEYS, *more))}) ({expr})"
