"""Who the series are about: the labels that stand on every `llm_*` series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forewarn.config import Config
    from forewarn.snapshot import RankKey


@dataclass(frozen=True, slots=True)
class Identity:
    """What the configuration says of this replica. `deployment` "" stands for the served model's name."""

    deployment: str
    version: str
    track: str

    def labels(self, key: RankKey) -> tuple[str, str, str, str, str]:
        """Label values of one rank, in the order of `catalogue.IDENTITY`."""
        return (self.deployment or key.model, self.version, self.track, key.model, key.engine)


def from_config(config: Config) -> Identity:
    """The identity that the settings give."""
    return Identity(config.text("deployment"), config.text("version"), config.text("track"))
