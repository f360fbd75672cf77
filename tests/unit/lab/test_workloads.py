"""The generators say what the published figures say."""

from __future__ import annotations

from random import Random
from statistics import mean, pvariance

import pytest

from lab.arrivals import Manner, Stretch, arrivals
from lab.workloads import WORKLOADS

# Published (see lab/README.md): mean, p50, p95 of prompt tokens; the same of output tokens; None where not published.
PUBLISHED = {
    "azure-conv": ((1155, 1020, 4083), (211, 129, 451)),
    "azure-code": ((2048, 1469, 7303), (27.9, 13, 90)),
    "servegen-r1": ((1724, 64, 9890), (2090, 1246, 7317)),
    "mooncake": ((15325, 11587, 48905), (149, 69, 519)),
    "burstgpt": ((430, 320, 1023), None),
    "sharegpt": ((857, 732, 1749), (653, 632, 773)),
    "arxiv": ((2588, 2730, 3813), (291, 167, 736)),
}
# Requests per second and dispersion index (variance / mean) of requests per minute.
BURSTS = {"azure-conv": (5.53, 16.4), "azure-code": (2.57, 167.0), "servegen-r1": (13.9, 25.7), "mooncake": (3.91, 1.3)}


def _figures(values: list[int]) -> tuple[float, float, float]:
    ordered = sorted(values)
    return mean(ordered), ordered[len(ordered) // 2], ordered[int(0.95 * len(ordered))]


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_lengths_have_the_published_quantiles(name: str) -> None:
    """Median and p95 within 5 %, the mean within 10 %: the shape between the quantiles is a straight line's."""
    workload, rng = WORKLOADS[name], Random(5)  # noqa: S311  as the generators have it
    for quantiles, published in zip((workload.prompt, workload.output), PUBLISHED[name], strict=True):
        if published is not None:
            drawn = _figures([round(quantiles.draw(rng)) for _ in range(20_000)])
            assert drawn[0] == pytest.approx(published[0], rel=0.1)
            assert drawn[1:] == pytest.approx(published[1:], rel=0.05, abs=1)


@pytest.mark.parametrize("name", sorted(BURSTS))
def test_requests_per_minute_scatter_as_published(name: str) -> None:
    """The dispersion index within a factor of two, over ten hours."""
    rate, index = BURSTS[name]
    stretch = Stretch(36_000, rate, rate, WORKLOADS[name])
    counts = [0] * 600
    for arrival in arrivals((stretch,), seed=4):
        counts[int(arrival.time // 60)] += 1
    assert mean(counts) == pytest.approx(60 * rate, rel=0.1)
    assert index / 2 < pvariance(counts) / mean(counts) < index * 2


def test_a_ramp_brings_what_its_rates_promise_and_the_same_seed_brings_the_same() -> None:
    """In order of time, scaled, and reproducible to the last digit."""
    stretch = Stretch(600, 1.0, 9.0, WORKLOADS["sharegpt"], Manner(prompt_scale=2.0, error_share=0.25))
    found = arrivals((stretch,), seed=8)
    assert found == arrivals((stretch,), seed=8) != arrivals((stretch,), seed=9)
    assert len(found) == pytest.approx(3000, rel=0.1)
    assert sum(a.time < 300 for a in found) == pytest.approx(900, rel=0.15)
    assert [a.time for a in found] == sorted(a.time for a in found)
    assert mean(a.prompt_tokens for a in found) == pytest.approx(2 * 857, rel=0.1)
    assert mean(a.reason == "error" for a in found) == pytest.approx(0.25, abs=0.05)
