"""The table says what the suite does, and every test that it names exists."""

from __future__ import annotations

import pytest

from tests.faults import table
from tests.faults.catalogue import ELSEWHERE, FAULTS
from tests.faults.outcomes import saved
from tests.faults.play import POLLS
from tools.generated import ROOT


def test_the_page_is_current() -> None:
    """It is generated from the rows and the last whole run."""
    assert table.PAGE.read_text(encoding="utf-8") == table.page()


def test_no_row_is_red() -> None:
    """Each fault was seen to pass in one run, and within its bounds."""
    seen = saved().by_name
    assert seen.keys() == {fault.name for fault in FAULTS}
    assert len(seen) == len(FAULTS) >= 30
    assert all(max(seen[f.name].told, seen[f.name].recovered) <= POLLS for f in FAULTS)
    assert all(seen[fault.name].mib <= fault.mib for fault in FAULTS)


@pytest.mark.parametrize(("file", "test"), [(file, test) for _, file, test in ELSEWHERE])
def test_a_test_that_is_referred_to_exists(file: str, test: str) -> None:
    """The file has a test of that name."""
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")
