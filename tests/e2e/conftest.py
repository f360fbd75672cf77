"""A stack that is ended after each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Processes of this test."""
    stack = Stack(tmp_path)
    yield stack
    stack.children.stop()
