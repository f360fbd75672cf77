"""Queries about deployments: which of many to show."""

from __future__ import annotations

KEYS = "cluster, namespace, deployment, model"
"""What the pack's records of a deployment are told apart by."""
KEY_TITLES = {"cluster": "Cluster", "namespace": "Namespace", "deployment": "Deployment", "model": "Model"}


def highest(expr: str, count: int = 5) -> str:
    """The lines of an expression that were highest at any time shown, so that they do not come and go."""
    return f"({expr}) and topk({count}, max_over_time(({expr})[$__range:1m] @ end()))"


def lowest(expr: str, count: int = 5) -> str:
    """The lines of an expression that were lowest at any time shown."""
    return f"({expr}) and bottomk({count}, min_over_time(({expr})[$__range:1m] @ end()))"


def each(expr: str, *more: str) -> str:
    """One value a deployment, without the series' name: what tables are joined by."""
    return f"max by ({', '.join((KEYS, *more))}) ({expr})"
