"""Requests that arrived: λ of Little's law, which no vLLM series counts."""

from __future__ import annotations


class Arrivals:
    """A monotone estimate from first tokens seen, requests waiting and requests running.

    Between leaving the queue and its first token a request is among the running alone, and one whose client gave
    up in the queue never comes back. So what is known of the requests that came and stayed is a range: at least
    first tokens plus waiting, at most the running besides. Growth past the range counts as arrivals, a fall below
    it as requests that left, and nothing is counted twice. Short of the truth by at most the requests running.
    """

    def __init__(self) -> None:
        self._level = 0.0
        self._first_tokens = 0.0
        self._most = 0.0
        self.value: float | None = None

    def restart(self) -> None:
        """The engine's process is a new one: its queue is empty, and whatever it shows has newly arrived."""
        self._level = self._most = self._first_tokens

    def update(self, first_tokens: float, waiting: float, running: float) -> None:
        """Take the count of first tokens (monotone), and the requests waiting and running on the same page."""
        least = first_tokens + waiting
        most = least + running
        if self.value is None:
            self.value = self._level = least
        else:
            # One page may show a request that has left the batch before its first token is counted: ask two.
            level = min(self._level, max(most, self._most))
            self.value += max(0.0, least - level)
            self._level = max(least, level)
        self._most, self._first_tokens = most, first_tokens
