"""The pack and its tests, read once."""

from __future__ import annotations

import pytest

from tools.rules import pack


@pytest.fixture(scope="session")
def loaded() -> pack.Pack:
    """The pack of this repository."""
    return pack.load()
