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


_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


def _quantiles(*tokens: float) -> Quantiles:
    return Quantiles(_SHARES, tokens)


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
    # AzurePublicDataset, 2023 conversation trace: smooth, but the rate rises and falls by half within the hour.
    "azure-conv": Workload(
        _quantiles(60, 207, 396, 1020, 1189, 2734, 4083, 4142, 4600),
        _quantiles(7, 54, 85, 129, 395, 424, 451, 601, 1000),
        clump=1.1,
        wander=0.045,
    ),
    # AzurePublicDataset, 2023 code trace: long prompts, short outputs, minutes of silence and minutes of rush.
    "azure-code": Workload(
        _quantiles(20, 147, 578, 1469, 2744, 5186, 7302, 7436, 7437),
        _quantiles(6, 7, 9, 13, 24, 55, 90, 249, 1200),
        clump=8.0,
        clump_seconds=0.8,
        wander=0.9,
    ),
    # Alibaba ServeGen, deepseek-r1: short questions and very long documents, reasoning outputs.
    "servegen-r1": Workload(
        _quantiles(4, 13, 21, 64, 841, 4648, 9888, 26960, 40000),
        _quantiles(56, 263, 659, 1246, 2219, 4975, 7317, 13989, 24000),
        clump=1.2,
        wander=0.029,
    ),
    # Mooncake's synthetic trace: long contexts, two thirds of them seen before.
    "mooncake": Workload(
        _quantiles(13, 30, 277, 11587, 23175, 38596, 48835, 66456, 100000),
        _quantiles(1, 4, 11, 69, 250, 389, 519, 768, 893),
        wander=0.001,
        cached_share=0.65,
    ),
    # BurstGPT: few requests, in bursts. Its output lengths are not published with the arrivals used here.
    "burstgpt": Workload(
        _quantiles(4, 19, 54, 320, 839, 1023, 1023, 1023, 1023.5),
        _quantiles(10, 30, 80, 200, 380, 600, 700, 1000, 1024),
        clump=1.6,
        clump_seconds=4.0,
    ),
    # ShareGPT turns (LLMServingSim): even lengths.
    "sharegpt": Workload(
        _quantiles(262, 363, 482, 730, 1109, 1458, 1747, 2764, 3998),
        _quantiles(512, 530, 561, 631, 767, 770, 773, 784, 1021),
    ),
    # Summaries of arXiv papers (vidur): long prompts.
    "arxiv": Workload(
        _quantiles(400, 1242, 1986, 2730, 3370, 3702, 3813, 3933, 4054),
        _quantiles(5, 78, 115, 167, 242, 372, 736, 3270, 4056),
    ),
    # A chat assistant behind one system prompt, so that half of every prompt is shared. Not fitted to anything.
    "chat": Workload(
        _quantiles(180, 290, 420, 620, 950, 1400, 1700, 2400, 3200),
        _quantiles(12, 30, 60, 110, 190, 320, 420, 640, 900),
        clump=1.1,
        wander=0.01,
        cached_share=0.5,
    ),
}
