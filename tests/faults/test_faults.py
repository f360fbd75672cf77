"""Every fault: the sidecar stays up, tells the truth within two polls, recovers within two, and stays small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.play import play

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.outcomes import Outcomes
    from tests.faults.rig import Rig
    from tests.faults.rows import Fault


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_fault(fault: Fault, rig_for: Callable[[Fault], Rig], outcomes: Outcomes) -> None:
    """See `play`; the row says what the truth is."""
    outcomes.add(fault.name, play(rig_for(fault), fault))
