"""The sidecars of the suite: one that lives through many faults, and one for each that needs its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.engine import CERTIFICATE
from tests.faults.host import faketime
from tests.faults.outcomes import Outcomes
from tests.faults.rig import Rig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.rows import Fault

INJECT = Path(__file__).with_name("inject")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that keeps what was seen."""
    parser.addoption("--keep-outcomes", action="store_true", help="write tests/faults/results.json after a whole run")


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """What is seen; kept only when every fault was passed."""
    seen = Outcomes()
    yield seen
    if request.config.getoption("--keep-outcomes") and len(seen.by_name) == len(FAULTS):
        seen.save()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig whose sidecar lives through many faults."""
    rig = Rig(tmp_path_factory.mktemp("shared"))
    rig.start()
    yield rig
    rig.stop()


@pytest.fixture
def rig_for(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Fault], Rig]]:
    """Gives the rig of a fault."""
    own: list[Rig] = []

    def give(fault: Fault) -> Rig:
        if not fault.own:
            rig: Rig = request.getfixturevalue("shared")
            return rig
        own.append(Rig(tmp_path, simulated=fault.simulated, secure=fault.secure))
        places = {"folder": str(tmp_path), "inject": str(INJECT)}
        if "LD_PRELOAD" in fault.variables:
            places["faketime"] = faketime()
            (tmp_path / "clock").write_text("+0\n", encoding="utf-8")
        (tmp_path / "forewarn.yaml").write_text("{}\n", encoding="utf-8")
        wrapper = [word.format(**places) for word in fault.wrapper]
        variables = {name: value.format(**places) for name, value in fault.variables.items()}
        if fault.secure:
            variables["SSL_CERT_FILE"] = str(CERTIFICATE)
        own[0].start(*wrapper, **variables)
        return own[0]

    yield give
    for rig in own:
        rig.stop()
