"""Settings reach the probes, and a key can be rotated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn import config
from forewarn.probes import panel
from forewarn.probes.warmup import WarmupSettings
from tests.unit.collectors.harness import World
from tests.unit.probes.worlds import ProbeWorld

if TYPE_CHECKING:
    from pathlib import Path


def loaded(**settings: object) -> config.Config:
    """Settings by path."""
    return config.load(None, {}, {path.replace("__", "."): ("test", value) for path, value in settings.items()})


def test_settings_reach_the_gate() -> None:
    """Lengths, agreement, deadlines and what a failure does."""
    settings = loaded(
        warmup__prompt_tokens="8,64",
        warmup__settled_requests=4,
        warmup__tolerance_ratio=0.1,
        warmup__deadline=90,
        warmup__request_deadline=7,
        warmup__on_failure="open",
    )
    assert panel.warmup_settings(settings) == WarmupSettings((8, 64), 4, 0.1, 90.0, 7.0, hold=False)


def test_pages_without_completions_are_not_probed() -> None:
    """A saved page or a replayed one has nobody to ask; nothing is held back and nothing is claimed."""
    world = World()
    world.run(5.0)
    assert (world.parts.probes.gate, world.parts.probes.liveness) == (None, None)
    assert world.parts.readiness() == (True, "ready")
    assert ProbeWorld().parts.probes.gate is not None


def test_a_key_in_a_file_may_be_rotated(tmp_path: Path) -> None:
    """The next probe has the new one; while the file is away the first one stands."""
    file = tmp_path / "key"
    file.write_text("first\n", encoding="utf-8")
    key = panel.key_source(loaded(engine__api_key_file=str(file)))
    assert key() == "first"
    file.write_text("second\n", encoding="utf-8")
    assert key() == "second"
    file.unlink()
    assert key() == "first"


def test_a_key_that_is_given_goes_over_one_in_a_file(tmp_path: Path) -> None:
    """As it does when settings are loaded."""
    file = tmp_path / "key"
    file.write_text("in the file\n", encoding="utf-8")
    assert panel.key_source(loaded(engine__api_key="given", engine__api_key_file=str(file)))() == "given"
    assert panel.key_source(loaded(engine__api_key="given"))() == "given"
    assert panel.key_source(loaded())() == ""
