"""The simulated engine's page, written faster: only lines whose values moved are written anew.

Polling four times a second for hours of virtual time would spend most of its time on writing pages. The text is the
simulator's: a test compares every line that the sidecar reads.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from lab.vllm_sim.page import go_float
from lab.vllm_sim.stats import Histogram
from lab.vllm_sim.values import engine_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.fleet import Replica
    from lab.vllm_sim.stats import Gauges
    from lab.vllm_sim.values import Child

WHOLE_EVERY = 30
"""Whole pages from one that the simulator writes to the next: what nobody reads (`http_*`, `python_*`) stands still."""

_GAUGES: dict[str, Callable[[Gauges], float]] = {
    "vllm:num_requests_running": lambda gauges: gauges.running,
    "vllm:num_requests_waiting": lambda gauges: gauges.waiting,
    "vllm:kv_cache_usage_perc": lambda gauges: gauges.kv_usage,
}

_PLAIN = 10**6
"""Whole numbers below it are written without an exponent."""

_Template = tuple[tuple[str, "Callable[[Gauges], float] | None"], ...]


class QuickPages:
    """Pages of one replica. A page with a renamed family is left to the simulator."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._engine: object = None
        self._fast: dict[tuple[str, ...], _Template] = {}
        self._lines: list[str] = []
        self._heads: dict[tuple[str, object], list[tuple[int, str]]] = {}
        self._written: dict[tuple[str, object], object] = {}
        self._left = 0

    def gauges(self, names: tuple[str, ...]) -> str:
        """The page filtered by sample names."""
        self._notice_restart()
        if self._replica.renamed or not set(names) <= _GAUGES.keys():
            return self._replica.page(names)
        if names not in self._fast:
            self._fast[names] = _template(self._replica.page(names))
        gauges = self._replica.engine.stats.gauges
        return "".join(f"{text}{go_float(read(gauges))}\n" if read else text for text, read in self._fast[names])

    def whole(self) -> str:
        """The whole page."""
        self._notice_restart()
        if self._replica.renamed or not self._left:
            text = self._replica.page()
            self._lines, self._heads, self._written = text.splitlines(), {}, {}
            self._left = 0 if self._replica.renamed else WHOLE_EVERY
            return text
        self._left -= 1
        for name, children in engine_values(self._replica.engine.stats, self._replica.scenario.engine).items():
            for child in children:
                self._write(name, child)
        return "\n".join(self._lines) + "\n"

    def _notice_restart(self) -> None:
        if self._engine is not self._replica.engine:
            self._engine, self._left = self._replica.engine, 0

    def _write(self, name: str, child: Child) -> None:
        """Write the lines of one child anew if it moved since they were written."""
        key, value = (name, child.labels), child.value
        if isinstance(value, Histogram):
            state: object = (value.count, value.total)
            numbers: list[float] = [*accumulate(value.counts), value.count, value.total]
        elif isinstance(value, float | int):
            state, numbers = value, [value]
        else:
            return
        if self._written.get(key) == state:
            return
        self._written[key] = state
        if key not in self._heads:
            self._heads[key] = self._find(name, child)
        if not self._heads[key]:
            # A family that another release shows.
            return
        for (at, head), number in zip(self._heads[key], numbers, strict=True):
            self._lines[at] = (
                f"{head} {number}.0" if type(number) is int and number < _PLAIN else head + " " + go_float(number)
            )

    def _find(self, name: str, child: Child) -> list[tuple[int, str]]:
        """Places and beginnings of a child's lines, in page order."""
        suffixes = ("_bucket", "_count", "_sum") if isinstance(child.value, Histogram) else ("", "_total")
        begins = tuple(f"{name}{suffix}{{" for suffix in suffixes)
        wanted = (
            [f'{label}="' for label, _ in child.labels]
            if name.endswith("_info")
            else [f'{label}="{value}"' for label, value in child.labels]
        )
        return [
            (at, line.rpartition(" ")[0])
            for at, line in enumerate(self._lines)
            if line.startswith(begins) and all(part in line for part in wanted)
        ]


def _template(page: str) -> _Template:
    """A filtered page as texts, each of a sample's followed by the reader of its value."""
    parts: list[tuple[str, Callable[[Gauges], float] | None]] = []
    for line in page.splitlines():
        head, _, _ = line.rpartition(" ")
        read = None if line.startswith("#") else _GAUGES[head.partition("{")[0]]
        parts.append((f"{head} " if read else f"{line}\n", read))
    return tuple(parts)
