"""One exported count from several sources that count the same thing: nothing is counted twice, and nothing falls.

The plugin's count and what is read or estimated from vLLM's own series run side by side for as long as both are on
the page. What is exported grows by what the best of them gained, whichever that is at the time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGIN, PAGE = "plugin", "page"

Key = TypeVar("Key")
"""What one count of several is told by: a label's value, or a bucket's bound."""


class Total(Generic[Key]):
    """Counts by key, from whichever source is best."""

    def __init__(self) -> None:
        self.source: str | None = None
        """The best source on the present page; None without one."""
        self._counted: dict[str, dict[Key, float]] = defaultdict(dict)
        self._last: dict[str, Mapping[Key, float]] = {}
        self._followed: frozenset[str] = frozenset()
        self._new_process = True
        self._keys: dict[Key, None] = {}

    def restart(self) -> None:
        """The engine's process is a new one: whatever a source has gained by its next page is new as well."""
        self._new_process = True

    def update(self, shown: Mapping[str, Mapping[Key, float]]) -> Mapping[Key, float]:
        """Take the counts of the sources on the page, best first; a source's counts never fall. Returns what is added.

        A source that was away while another one was counted may have gained the same things meanwhile. So its gain
        on the page of its return is left out, and the best of those that were followed all along stands in.
        """
        self.source = next(iter(shown), None)
        if not shown:
            return {}
        self._keys.update(dict.fromkeys(key for counts in shown.values() for key in counts))
        gains = {name: self._gain(name, counts) for name, counts in shown.items()}
        used = next((name for name in shown if self._new_process or name in self._followed), None)
        self._followed, self._new_process = frozenset(shown), False
        if used is None:
            return {}
        counted = self._counted[used]
        for key, gain in gains[used].items():
            counted[key] = counted.get(key, 0.0) + gain
        return gains[used]

    def values(self) -> Mapping[Key, float]:
        """What to export: every key that a source has ever shown."""
        return {key: sum(counted.get(key, 0.0) for counted in self._counted.values()) for key in self._keys}

    def counted(self, source: str) -> float:
        """How much of it one source has contributed, over all keys."""
        return sum(self._counted[source].values()) if source in self._counted else 0.0

    def _gain(self, name: str, counts: Mapping[Key, float]) -> Mapping[Key, float]:
        last = self._last.get(name, {})
        self._last[name] = {**last, **counts}
        return {key: count - last.get(key, 0.0) for key, count in counts.items()}
