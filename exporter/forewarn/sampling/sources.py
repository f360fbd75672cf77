"""One exported count from several sources that count the same thing: nothing is counted twice, and nothing falls.

The plugin's count and what is read or estimated from vLLM's own series run side by side for as long as both are on
the page. What is exported grows by what the best of them gained, whichever that is at the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PLUGIN, PAGE = "plugin", "page"

_NOTHING: Mapping[Any, float] = {}

Key = TypeVar("Key")
"""What one count of several is told by: a label's value, or a bucket's bound."""


class Total(Generic[Key]):
    """Counts by key, from whichever source is best."""

    def __init__(self) -> None:
        self.source: str | None = None
        """The best source on the present page; None without one."""
        self._counted: Mapping[str, Mapping[Key, float]] = {}
        self._last: Mapping[str, Mapping[Key, float]] = {}
        self._followed: Collection[str] = ()
        self._new_process = True

    def restart(self) -> None:
        """The engine's process is a new one: whatever a source has gained by its next page is new as well."""
        self._new_process, self.source = True, None

    def update(self, shown: Mapping[str, Mapping[Key, float]]) -> None:
        """Take the counts of the sources on the page, best first; a source's counts never fall and keep their keys.

        A source that was away while another one was counted may have gained the same things meanwhile. So its gain
        on the page of its return is left out, and the best of those that were followed all along stands in.
        """
        self.source = next(iter(shown), None)
        if self.source is None:
            return
        if len(shown) == 1 and self._last.keys() <= shown.keys():
            # No other source so far, which is the rule without the plugin: all of it counts.
            self._last = self._counted = shown
        else:
            used = next((name for name in shown if self._new_process or name in self._followed), None)
            for name, counts in shown.items():
                self._take(name, counts, counted=name == used)
        self._followed, self._new_process = shown.keys(), False

    def values(self) -> Mapping[Key, float]:
        """What to export: every key that a source has ever shown."""
        total: dict[Key, float] = {}
        for counted in self._counted.values():
            for key, count in counted.items():
                total[key] = total.get(key, 0.0) + count
        return total

    def counted(self, source: str) -> float:
        """How much of it one source has contributed, over all keys."""
        return sum(self._counted[source].values()) if source in self._counted else 0.0

    def _take(self, name: str, counts: Mapping[Key, float], *, counted: bool) -> None:
        last, before = self._last.get(name, _NOTHING), self._counted.get(name, _NOTHING)
        if counts == last:
            return
        gains = {key: count - last.get(key, 0.0) if counted else 0.0 for key, count in counts.items()}
        total = {**before, **{key: before.get(key, 0.0) + gain for key, gain in gains.items()}}
        self._counted, self._last = {**self._counted, name: total}, {**self._last, name: counts}
