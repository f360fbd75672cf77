"""What users ask of a server, as generators fitted to published figures, so that nobody needs the traces.

Each workload has token lengths (quantiles, joined log-linearly) and a burstiness of its own: requests come in clumps
(geometric, some in one second), and the rate wanders from minute to minute (lognormal). A test holds the drawn figures
to the published ones. What is not modelled: prompt and output lengths of one request are drawn apart.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Token counts at ascending shares from 0 to 1; what lies between is interpolated in the logarithm."""

    shares: tuple[float, ...]
    tokens: tuple[float, ...]

    def draw(self, rng: Random) -> float:
        """One token count."""
        at = rng.random()
        upper = min(bisect_right(self.shares, at), len(self.shares) - 1)
        low, high = self.shares[upper - 1], self.shares[upper]
        weight = (at - low) / (high - low)
        return exp(log(self.tokens[upper - 1]) * (1 - weight) + log(self.tokens[upper]) * weight)


def _quantiles(low: float, middle: float, p95: float, p99: float, top: float) -> Quantiles:
    return Quantiles((0.0, 0.5, 0.95, 0.99, 1.0), (low, middle, p95, p99, top))


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind of traffic.

    `clump` is the mean number of requests that come together, `clump_seconds` the mean distance of one of them from
    the clump's begin, `wander` the variance of the rate's factor from minute to minute (its mean is 1),
    `cached_share` the part of a prompt that a warm prefix cache holds.
    """

    prompt: Quantiles
    output: Quantiles
    clump: float = 1.0
    clump_seconds: float = 1.0
    wander: float = 0.0
    cached_share: float = 0.0


WORKLOADS: dict[str, Workload] = {
    # AzurePublicDataset, 2023 conversation trace: the rate rises and falls by half within the hour.
    "azure-conv": Workload(
        _quantiles(75, 1020, 4083, 4142, 4600), _quantiles(24, 129, 451, 601, 1000), clump=1.1, wander=0.02
    ),
    # AzurePublicDataset, 2023 code trace: long prompts, short outputs, minutes of silence and minutes of rush.
    "azure-code": Workload(
        _quantiles(180, 1469, 7303, 7436, 7800),
        _quantiles(6, 13, 90, 251, 900),
        clump=8.0,
        clump_seconds=0.8,
        wander=0.9,
    ),
    # Alibaba ServeGen, deepseek-r1: short questions and very long documents, reasoning outputs.
    "servegen-r1": Workload(
        _quantiles(8, 64, 9890, 26960, 40000), _quantiles(90, 1246, 7317, 13989, 20000), clump=1.2, wander=0.029
    ),
    # Mooncake's synthetic trace: long contexts, two thirds of them seen before.
    "mooncake": Workload(
        _quantiles(700, 11587, 48905, 66456, 90000),
        _quantiles(12, 69, 519, 768, 1200),
        wander=0.001,
        cached_share=0.65,
    ),
    # BurstGPT: few requests, in bursts.
    "burstgpt": Workload(
        _quantiles(30, 320, 1023, 1023, 1023.5), _quantiles(20, 200, 700, 1000, 1024), clump=1.6, clump_seconds=4.0
    ),
    # ShareGPT turns (LLMServingSim): even lengths.
    "sharegpt": Workload(_quantiles(300, 732, 1749, 2765, 3000), _quantiles(520, 632, 773, 784, 800)),
    # arXiv summaries (vidur): long prompts.
    "arxiv": Workload(_quantiles(1200, 2600, 3813, 4000, 4054), _quantiles(60, 167, 736, 3271, 4000)),
    # A chat assistant behind one system prompt: half of every prompt is shared.
    "chat": Workload(
        _quantiles(180, 620, 1700, 2400, 3200),
        _quantiles(12, 110, 420, 640, 900),
        clump=1.1,
        wander=0.01,
        cached_share=0.5,
    ),
}
