"""podman and the images, built once for all tests here."""

from __future__ import annotations

import pytest

from forewarn import __version__
from tests.containers import standins
from tests.containers.podman import ROOT, Podman

FOREWARN = f"localhost/forewarn:{__version__}"
ENGINE = f"localhost/forewarn-vllm-sim:{__version__}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test here."""
    for item in items:
        item.add_marker(pytest.mark.containers)


@pytest.fixture(scope="session")
def podman() -> Podman:
    """podman, with the base images there."""
    found = Podman()
    standins.make(found)
    return found


@pytest.fixture(scope="session")
def images(podman: Podman) -> dict[str, str]:
    """Both images, built from this tree: what they are of → name."""
    podman.build(ROOT / "exporter" / "Dockerfile", FOREWARN, ROOT)
    podman.build(ROOT / "lab" / "Dockerfile", ENGINE, ROOT)
    return {"forewarn": FOREWARN, "engine": ENGINE}
