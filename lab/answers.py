"""What a simulated replica says to golden prompts, for scenarios whose model goes wrong.

The engines of the lab have no text. Each prompt of `golden/say.yml` ends with the word that is to be said; a replica
says it, or says it backwards, with the chance that its `drift` faults give at the time. Asking costs no time.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from forewarn.probes.reply import Reply, Served

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.probes.reply import Ask
    from lab.fleet import Replica

MODEL = "lab"


class Answers:
    """The completions of one replica. See `forewarn.probes.client.Asker`."""

    def __init__(self, replica: Replica, seed: int, now: Callable[[], float]) -> None:
        self._replica = replica
        self._now = now
        self._chance = Random(f"{seed}:{replica.index}:golden")  # noqa: S311  a model's chance, not a secret

    def served(self, deadline: float) -> Served | Reply:  # noqa: ARG002  answers at once
        """The model."""
        return self._refused() or Served(MODEL)

    def ask(self, ask: Ask, deadline: float) -> Reply:  # noqa: ARG002  answers at once
        """The word asked for, or not."""
        refused = self._refused()
        if refused:
            return refused
        word = str(ask.fields["prompt"]).rstrip(".").rpartition(" ")[2]
        wrong = self._chance.random() < self._replica.wrong_share(self._now())
        return Reply(
            "success",
            text=f" {word[::-1] if wrong else word}.",
            prompt_tokens=8,
            generated_tokens=2,
            finish_reason="stop",
        )

    def forget(self) -> None:
        """There is one model."""

    def _refused(self) -> Reply | None:
        return Reply("unreachable", "connection refused") if self._replica.down else None
