"""The locks of the images are whole, and of the versions that CI tests."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("exporter/requirements.lock", "exporter/build.lock", "lab/requirements.lock")


def pinned(name: str) -> dict[str, str]:
    """Package → version of a requirements file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ \n;]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


def needed(package: str, extra: str = "") -> set[str]:
    """What a package depends on here, directly or not; of extras one, other platforms aside."""
    lines = [line for line in metadata.requires(package) or () if ";" not in line or f"extra == '{extra}'" in line]
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in lines}
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}.union(*(needed(name) for name in names))


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_hashes(name: str) -> None:
    """An index that serves another file is refused."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8"))[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("name", LOCKS)
def test_the_versions_are_those_that_ci_tests(name: str) -> None:
    """Where both name a package, they agree."""
    tested = pinned("constraints.txt")
    assert {package: tested.get(package, version) for package, version in pinned(name).items()} == pinned(name)


def test_the_sidecars_lock_holds_its_dependencies_and_nothing_else() -> None:
    """All that the wheel asks for, and what that asks for; passwords included, golden prompts' schemas not."""
    assert set(pinned("exporter/requirements.lock")) == needed("forewarn", "web")


def test_the_lab_needs_pyyaml_only() -> None:
    """As lab/README.md says."""
    assert set(pinned("lab/requirements.lock")) == {"pyyaml"}
