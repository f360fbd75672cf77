"""The labels of every series about the engine."""

from __future__ import annotations

import pytest

from forewarn import config
from forewarn.catalogue import IDENTITY
from forewarn.identity import Identity, from_config
from forewarn.snapshot import RankKey


def test_labels_are_in_the_catalogues_order() -> None:
    """Settings first, then what the page tells."""
    labels = Identity("chat", "7", "canary").labels(RankKey("m", "3"))
    assert dict(zip(IDENTITY, labels, strict=True)) == {
        "deployment": "chat",
        "version": "7",
        "track": "canary",
        "model": "m",
        "engine": "3",
    }


def test_a_deployment_without_a_name_is_called_as_its_model() -> None:
    """Each model of a page is then a deployment of its own."""
    identity = Identity("", "", "stable")
    assert [identity.labels(RankKey(model, "0"))[0] for model in ("a", "b", "")] == ["a", "b", ""]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Identity("", "", "stable")),
        ({"deployment": "chat", "version": "1.10", "track": "canary"}, Identity("chat", "1.10", "canary")),
    ],
)
def test_it_comes_from_the_settings(settings: dict[str, object], expected: Identity) -> None:
    """Unset, the deployment is the model's, the version empty and the track stable."""
    loaded = config.load(None, {}, {path: ("test", value) for path, value in settings.items()})
    assert from_config(loaded) == expected
