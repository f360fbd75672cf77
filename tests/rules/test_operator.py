"""The Prometheus operator takes the rendered resource: it fits the CRD's schema, and loses nothing by it.

The models of cloudcoil-models-prometheus-operator are generated from the CRD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule
from pydantic import ValidationError

from tools.rules import pack

if TYPE_CHECKING:
    from collections.abc import Callable

COMMITTED = pack.ROOT / "deploy" / "kubernetes" / "prometheusrule.yaml"


def _resource() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMMITTED.read_text(encoding="utf-8"))
    return loaded


def _kept(resource: dict[str, Any]) -> dict[str, Any]:
    """What an API server keeps: fields that the schema does not know are pruned. Raises where one does not fit."""
    kept: dict[str, Any] = PrometheusRule.model_validate(resource).model_dump(
        mode="json", by_alias=True, exclude_unset=True
    )
    return kept


def test_the_committed_resource_fits_the_schema_and_is_kept_whole() -> None:
    """Nothing is rejected, nothing is pruned."""
    resource = _resource()
    assert _kept(resource) == resource


def test_the_committed_resource_holds_every_rule_of_the_pack() -> None:
    """Group by group, in order, with the expressions as they are in rules/v1."""
    groups = _resource()["spec"]["groups"]
    sources = [
        group
        for path in sorted(pack.SOURCES.glob("*.rules.yml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    assert groups == sources


def _rule(resource: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = resource["spec"]["groups"][0]["rules"][0]
    return rule


REJECTED: dict[str, Callable[[dict[str, Any]], object]] = {
    "no spec": lambda r: r.pop("spec"),
    "groups that are no list": lambda r: r["spec"].update(groups={}),
    "a group without a name": lambda r: r["spec"]["groups"][0].pop("name"),
    "a rule without an expression": lambda r: _rule(r).pop("expr"),
    "a duration in words": lambda r: _rule(r).update({"for": "5 minutes"}),
    "an empty keep_firing_for": lambda r: _rule(r).update(keep_firing_for=""),
    "a label that is a number": lambda r: _rule(r).update(labels={"level": 1}),
    "another kind": lambda r: r.update(kind="PrometheusRules"),
}


@pytest.mark.parametrize("damage", REJECTED.values(), ids=REJECTED)
def test_a_damaged_resource_is_rejected(damage: Callable[[dict[str, Any]], object]) -> None:
    """The schema is not one that takes anything."""
    resource = _resource()
    damage(resource)
    with pytest.raises(ValidationError):
        _kept(resource)


def test_a_misspelt_field_is_pruned() -> None:
    """So a comparison with what is kept finds it."""
    resource = _resource()
    _rule(resource)["fro"] = "5m"
    assert _kept(resource) != resource
