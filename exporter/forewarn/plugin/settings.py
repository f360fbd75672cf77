"""The plugin's settings: environment variables of the engine's process, read once at its start."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG = logging.getLogger("forewarn.plugin")
"""vLLM configures its own loggers only; warnings of others reach stderr, which is where its log goes."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting, for the reader and for docs/configuration.md."""

    name: str
    default: str
    help: str


ENABLED = Variable("FOREWARN_PLUGIN_ENABLED", "true", "false: the plugin is loaded and does nothing.")
BUDGETS = {
    "ttft": Variable(
        "FOREWARN_PLUGIN_OBJECTIVES_TTFT_SECONDS", "2.0", "Budget for time to first token; as objectives.ttft_seconds."
    ),
    "tpot": Variable(
        "FOREWARN_PLUGIN_OBJECTIVES_TPOT_SECONDS",
        "0.1",
        "Budget for time per output token; as objectives.tpot_seconds.",
    ),
    "e2e": Variable(
        "FOREWARN_PLUGIN_OBJECTIVES_E2E_SECONDS", "60.0", "Budget for a whole request; as objectives.e2e_seconds."
    ),
}
VARIABLES = (ENABLED, *BUDGETS.values())

_PREFIX = "FOREWARN_PLUGIN_"
_YES, _NO = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


@dataclass(frozen=True, slots=True)
class Settings:
    """`budgets` in seconds by SLI; one that could not be read is left out, and not judged."""

    enabled: bool
    budgets: Mapping[str, float]


def read(environ: Mapping[str, str]) -> Settings:
    """The settings. A mistake is one line in the log and never an error: the engine must start."""
    known = {variable.name for variable in VARIABLES}
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in known:
            LOG.warning("%s: unknown variable, ignored", name)
    budgets = {sli: _seconds(environ, variable) for sli, variable in BUDGETS.items()}
    return Settings(_enabled(environ), {sli: value for sli, value in budgets.items() if value is not None})


def _enabled(environ: Mapping[str, str]) -> bool:
    text = environ.get(ENABLED.name, ENABLED.default).strip().lower()
    if text not in _YES | _NO:
        LOG.warning("%s: expected true or false, got %.40r: the plugin is off", ENABLED.name, text)
    return text in _YES


def _seconds(environ: Mapping[str, str], variable: Variable) -> float | None:
    text = environ.get(variable.name, variable.default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0 < value < math.inf:
        return value
    LOG.warning("%s: expected a number of seconds, got %.40r: nothing is judged by it", variable.name, text)
    return None
