"""The generated pages: each a function from the code's tables to text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from forewarn import catalogue
from forewarn.config_keys import KEYS
from forewarn.engines.vllm_table import PLUGIN_ROWS, PREFIXES, ROWS
from forewarn.plugin.settings import VARIABLES
from forewarn.signals import SIGNALS
from tools.docs.alerts import alerts
from tools.docs.table import MARK, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def metrics() -> str:
    """Every exported series."""
    sections = {
        "Engine": catalogue.ENGINE,
        "Queue": catalogue.QUEUE,
        "KV cache": catalogue.KV_CACHE,
        "Tokens and requests": catalogue.REQUESTS,
        "Latency and budgets": catalogue.LATENCY,
        "Objectives": catalogue.OBJECTIVES,
        "Replica": catalogue.REPLICA,
        "Probes, warm-up and quality": catalogue.PROBES,
        "The sidecar itself": catalogue.SELF,
    }
    identity = ", ".join(f"`{label}`" for label in catalogue.IDENTITY)
    text = MARK.format(source="exporter/forewarn/catalogue.py") + "# Exported series, schema 1\n\n"
    text += f"Every `llm_*` series carries {identity}. A value that the engine does not show is absent, never 0.\n"
    text += "**Leading** series move before users feel pain; only they may stand on the on-call board.\n"
    for title, metrics_ in sections.items():
        rows = [
            (f"`{m.name}`", m.type, ", ".join(f"`{label}`" for label in m.labels), "yes" if m.leading else "", m.help)
            for m in metrics_
        ]
        text += f"\n## {title}\n\n" + table(("series", "type", "more labels", "leading", "meaning"), rows)
    labels = ", ".join(f"`{label}`" for label in catalogue.PLUGIN_IDENTITY)
    text += "\n## On vLLM's own page: the plugin\n\n"
    text += (
        f"With [the plugin](plugin.md) in the engine, vLLM's `/metrics` carries these as well, each with {labels}.\n\n"
    )
    skip = len(catalogue.PLUGIN_IDENTITY)
    rows = [(f"`{m.name}`", m.type, ", ".join(f"`{n}`" for n in m.labels[skip:]), m.help) for m in catalogue.PLUGIN]
    return text + table(("series", "type", "more labels", "meaning"), rows)


def configuration() -> str:
    """Every setting."""
    text = MARK.format(source="exporter/forewarn/config_keys.py and plugin/settings.py") + "# Settings\n\n"
    text += "`forewarn run --config FILE` reads YAML; every key is also an environment variable. A flag wins over a\n"
    text += "variable, a variable over the file, the file over the default. Durations take a number of seconds or\n"
    text += "`250ms`, `2s`, `5m`. `--print-config` shows the effective settings, `--check-config` validates them.\n"
    text += "An unknown key is an error; an unknown `FOREWARN_*` variable is a warning, others may read it.\n\n"
    rows = [(f"`{key.path}`", f"`{key.variable}`", _default(key.default), key.help) for key in KEYS]
    text += table(("key", "variable", "default", "meaning"), rows)
    text += "\n## The plugin in the engine's process\n\n"
    text += (
        "[The plugin](plugin.md) reads these variables of the engine's environment once, at its start; there is no\n"
    )
    text += "file. A value that is none is one line in the engine's log. Set its budgets as the sidecar's: at another\n"
    text += "budget the sidecar leaves its counts aside.\n\n"
    plugin = [(f"`{variable.name}`", f"`{variable.default}`", variable.help) for variable in VARIABLES]
    return text + table(("variable", "default", "meaning"), plugin)


def _default(value: object) -> str:
    """A default as it is written in a file."""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return "" if value in (None, "") else f"`{shown}`"


def _edge(edge: float | None) -> str:
    """What of a histogram is read, where it is not the whole."""
    if edge is None:
        return ""
    return ", its count" if edge == math.inf else f", its bucket up to {edge:g}"


def signals() -> str:
    """Which series of which vLLM release each signal comes from."""
    text = MARK.format(source="exporter/forewarn/signals.py and engines/vllm_table.py")
    text += "# Signals and where they come from\n\n"
    text += "The first series of a signal that is on the engine's page is used, with any of the prefixes "
    text += ", ".join(f"`{prefix}`" for prefix in PREFIXES) + ".\n\n"
    blind = {signal.name: signal.blind for signal in SIGNALS}
    core = {signal.name for signal in SIGNALS if signal.core}
    rows = [
        (
            f"`{row.signal}`" + (" (core)" if row.signal in core else ""),
            f"`{row.source}`" + _edge(row.edge),
            f"{row.since or 'oldest'} – {row.until or 'newest'}" + (f"; {row.note}" if row.note else ""),
            row.estimate and f"estimated: {row.estimate}",
            blind.get(row.signal, "feeds other signals"),
        )
        for row in ROWS
    ]
    text += table(("signal", "vLLM series", "releases", "exact?", "blind without it"), rows)
    text += "\nWith [the plugin](plugin.md) in the engine these are on the page as well, and used before those above:\n"
    return text + ", ".join(f"`{row.source}`" for row in PLUGIN_ROWS) + ".\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "metrics.md": metrics,
    "configuration.md": configuration,
    "signals.md": signals,
    "alerts.md": alerts,
}
