"""What a plan is made from, and what of it is impossible."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from forewarn.errors import ConfigError

MAX_REPLICAS = 10_000
"""Beyond this a plan is a typing mistake."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one input may be. `low` itself is allowed unless `above`; `high` itself is allowed unless `below`."""

    help: str
    low: float = 0.0
    high: float = 1e12
    above: bool = False
    below: bool = False
    whole: bool = False

    def expected(self) -> str:
        """In words, for an error's line."""
        kind = "a whole number" if self.whole else "a number"
        low = f"{'over' if self.above else 'from'} {self.low:g}"
        if math.isinf(self.high) or self.high >= 1e12:  # noqa: PLR2004  the default: no upper limit to tell
            return f"{kind} {low}"
        return f"{kind} {low} to {'below ' if self.below else ''}{self.high:g}"

    def accepts(self, value: object) -> bool:
        """Whether `value` is a number within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        if self.whole and value != int(value):
            return False
        low = value > self.low if self.above else value >= self.low
        return low and (value < self.high if self.below else value <= self.high)


def _input(default: float | None, help_: str, **bounds: Any) -> Any:  # noqa: ANN401  a dataclass field is of its value's type
    return field(default=default, metadata={"bounds": Bounds(help_, **bounds)})


def _positive(default: float | None, help_: str, **bounds: Any) -> Any:  # noqa: ANN401  as above
    return _input(default, help_, above=True, **bounds)


def _share(default: float | None, help_: str, **bounds: Any) -> Any:  # noqa: ANN401  as above
    return _input(default, help_, high=1.0, **bounds)


@dataclass(frozen=True, slots=True)
class Inputs:
    """One deployment as it is or may be. Times in seconds unless named otherwise; money in USD; shares from 0 to 1."""

    # Demand.
    average_load: float = _positive(20.0, "requests/s, mean of a day")
    swing: float = _input(1.8, "peak of the day over its mean", low=1.0, high=20.0)
    prompt_tokens: float = _input(700.0, "prompt tokens of a request, mean")
    output_tokens: float = _positive(250.0, "generated tokens of a request, mean")
    # Capacity of one replica within its objectives: one of three.
    replica_requests_per_second: float | None = _positive(
        None, "capacity of a replica within its objectives, load-tested"
    )
    replica_tokens_per_second: float | None = _positive(None, "the same in tokens/s, prompt and generated")
    replica_concurrency: float | None = _positive(None, "requests in flight a replica holds within its objectives")
    request_seconds: float | None = _positive(None, "time of a whole request at that concurrency")
    # Redundancy.
    spares: int | None = _input(None, "k, spare replicas; left out: from target_availability", whole=True, high=1000)
    target_availability: float = _share(0.999, "share of time with full capacity", above=True, below=True)
    gpus_per_replica: int = _input(
        1, "GPUs that fail as one (tensor × pipeline parallel)", low=1, high=1024, whole=True
    )
    gpu_failures_per_day: float = _share(0.001, "failures of one GPU in a day")
    repair_hours: float = _positive(4.0, "from a failure until the capacity is back", high=8760)
    gpu_availability: float | None = _share(None, "p of one GPU; left out: from failures and repair", above=True)
    correlated_failures_per_year: float = _input(4.0, "bad deploys, zone or power losses that take all", high=8760)
    correlated_minutes: float = _input(30.0, "how long each lasts", high=525_600)
    # Deploys and cold start.
    deploy_headroom: int = _input(1, "replicas out of service at once in a roll", whole=True, high=1000)
    weights_gb: float = _input(140.0, "weights of the model in GB")
    load_gb_per_second: float = _positive(2.0, "rate at which a replica loads them")
    warmup_seconds: float = _input(60.0, "compilation, graph capture, first requests", high=86_400)
    cold_start_seconds: float | None = _positive(None, "measured; left out: weights / rate + warm-up", high=86_400)
    scale_delay_seconds: float = _input(60.0, "scrape, rule, autoscaler and scheduler before a start", high=86_400)
    drain_seconds: float = _input(60.0, "a replica finishes its requests", high=86_400)
    detect_minutes: float = _input(10.0, "until a bad version is noticed", high=1440)
    soak_minutes: float = _input(30.0, "each canary step, and how long blue stays warm", high=10_080)
    flip_seconds: float = _input(15.0, "a router moves traffic", high=86_400)
    deploys_per_month: float = _input(8.0, "how often", high=10_000)
    # Money.
    usd_per_gpu_hour: float = _input(2.5, "on-demand price of a GPU-hour")
    reserved_share: float = _share(0.0, "share of replica hours on reservations")
    reserved_discount: float = _share(0.4, "off the on-demand price")
    spot_share: float = _share(0.0, "share of replica hours on spot")
    spot_discount: float = _share(0.5, "off the on-demand price, usually 0.3 to 0.7")
    output_weight: float = _positive(2.5, "cost of a generated token over that of a prompt token", high=1000)
    # Levers.
    batch_share: float = _share(0.3, "share of the load that may wait for the night")
    quantise_share: float = _share(0.3, "share of the load that a quantised model may serve")
    quantise_speedup: float = _input(1.6, "capacity of a quantised replica over the present one", low=1.0, high=20.0)

    def __post_init__(self) -> None:
        """Raise ConfigError on the first input that is impossible."""
        for item in fields(self):
            value, bounds = getattr(self, item.name), item.metadata["bounds"]
            if value is None and item.default is None:
                continue
            if not bounds.accepts(value):
                raise ConfigError(flag(item.name), f"expected {bounds.expected()}, got {value}")
        if self.reserved_share + self.spot_share > 1:
            raise ConfigError("--reserved-share, --spot-share", "expected shares that add up to at most 1")
        self._check_capacity()

    def _check_capacity(self) -> None:
        little = (self.replica_concurrency, self.request_seconds)
        given = [self.replica_requests_per_second, self.replica_tokens_per_second, little[0] or little[1]]
        if sum(value is not None for value in given) != 1:
            raise ConfigError(
                "capacity of a replica",
                "expected one of --replica-requests-per-second, --replica-tokens-per-second, or "
                "--replica-concurrency with --request-seconds",
            )
        if given[2] is not None and None in little:
            raise ConfigError("Little's law", "expected both --replica-concurrency and --request-seconds")


def flag(name: str) -> str:
    """The command-line flag of an input."""
    return "--" + name.replace("_", "-")


def bounds_of(name: str) -> Bounds:
    """What the input `name` may be."""
    found: Bounds = next(item.metadata["bounds"] for item in fields(Inputs) if item.name == name)
    return found
