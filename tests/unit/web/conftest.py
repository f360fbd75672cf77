"""Web configuration files of these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tools.web_files import WebFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def web(tmp_path: Path) -> WebFolder:
    """A folder with certificates, and room for the file."""
    return WebFolder(tmp_path)
