"""Who the series are about: the labels that stand on every `llm_*` series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forewarn.config import Config
    from forewarn.snapshot import RankKey


MAX_LABEL = 256
"""Characters of a label that the engine supplies: it stands on every series of the page."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the configuration says of this replica. `deployment` "" stands for the served model's name."""

    deployment: str
    version: str
    track: str

    def labels(self, key: RankKey) -> tuple[str, str, str, str, str]:
        """Label values of one rank, in the order of `catalogue.IDENTITY`."""
        model, engine = key.model[:MAX_LABEL], key.engine[:MAX_LABEL]
        return (self.deployment or model, self.version, self.track, model, engine)


def from_config(config: Config) -> Identity:
    """The identity that the settings give."""
    return Identity(config.text("deployment"), config.text("version"), config.text("track"))
