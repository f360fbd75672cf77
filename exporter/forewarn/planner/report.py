"""A plan as a table that a tired person can read: each number with the reason beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from forewarn.planner.plan import Plan

_NAME, _NUMBER = 22, 15
_MINUTE, _HOUR = 60, 3600
_MOST_PLACES = 7


def report(plan: Plan, taken: Mapping[str, str]) -> str:
    """The plan in plain text. `taken` names the inputs that were read from Prometheus, each with its query."""
    sections = (
        ("Replicas", _replicas(plan)),
        ("Availability of full capacity", _availability(plan)),
        ("Cold start", _cold_start(plan)),
        ("Bill", _bill(plan)),
    )
    text = "".join(f"{title}\n{''.join(_row(*row) for row in rows)}\n" for title, rows in sections)
    text += (
        f"Deploys\n{_deploys(plan)}\nLevers, each alone, off the bill of the fleet that always stands\n{_levers(plan)}"
    )
    if taken:
        width = max(map(len, taken))
        text += "\nRead from Prometheus\n" + "".join(f"  {name:<{width}}  {query}\n" for name, query in taken.items())
    return text


def _row(name: str, number: str, why: str) -> str:
    return f"  {name:<{_NAME}}{number:>{_NUMBER}}   {why}".rstrip() + "\n"


def _replicas(plan: Plan) -> Iterable[tuple[str, str, str]]:
    size, spare, day = plan.fleet, plan.fleet.redundancy, plan.day
    chosen = "as given" if plan.inputs.spares is not None else f"the fewest for {_target(spare.target)}"
    load = f"{day.peak:.3g} requests/s at the peak, {plan.inputs.swing:.3g} × the mean of {day.average:.3g}"
    yield "peak need", f"{size.peak_need}", f"{load}, by {size.capacity:.3g} of one replica"
    yield "", "", size.capacity_from
    yield "+ k spares", f"{size.spares}", f"may be down at once with no loss: random failures; {chosen}"
    yield "+ deploy headroom", f"{size.headroom}", "out of service at once while a deploy rolls"
    yield "= replicas", f"{size.replicas}", f"{size.gpus} GPUs; drop a term, and its bad day finds the gap"


def _availability(plan: Plan) -> Iterable[tuple[str, str, str]]:
    size, spare = plan.fleet, plan.fleet.redundancy
    group = f"all {size.gpus_per_replica} GPUs up: {spare.gpu_availability:.6f}^{size.gpus_per_replica}"
    if size.gpus_per_replica == 1:
        group = "up; the rest is repair"
    yield "one replica", share(spare.replica_availability), group
    yield (
        "N+k, independent",
        share(spare.independent),
        f"at most {spare.spares} of {size.peak_need + spare.spares} down",
    )
    yield "correlated failures", f"-{spare.correlated_floor:.4%}", "bad deploys, zones, power: no k buys this back"
    yield "together", share(spare.availability), f"target {_target(spare.target)}"
    yield "GPU failures a day", f"{size.failures_per_day:.3g}", f"{size.gpus} GPUs: absorb them, they come"
    if not spare.target_within_floor:
        yield (
            "! out of reach",
            "",
            f"correlated failures alone allow {share(1 - spare.correlated_floor)}: fewer, shorter ones",
        )
    if spare.spares < spare.spares_for_target:
        yield (
            "! too few spares",
            "",
            f"{_target(spare.target)} against independent failures takes k = {spare.spares_for_target}",
        )


def _cold_start(plan: Plan) -> Iterable[tuple[str, str, str]]:
    scaled, inputs = plan.autoscaling, plan.inputs
    measured = "as given"
    if inputs.cold_start_seconds is None:
        loading = f"{inputs.weights_gb:g} GB / {inputs.load_gb_per_second:g} GB/s"
        measured = f"{loading} + {inputs.warmup_seconds:g} s of warm-up"
    yield "cold start", duration(scaled.cold_start_seconds), measured
    yield "act ahead by", duration(scaled.lead_seconds), "cold start, and what passes before a replica is asked for"
    yield (
        "steepest rise",
        f"{scaled.rise_replicas:.2f}",
        "replicas within that time: what a scaler lacks that only reacts",
    )
    yield "start them at", f"{scaled.trigger_share:.1%}", "of what warm replicas carry, when demand rises fastest"


def _bill(plan: Plan) -> Iterable[tuple[str, str, str]]:
    static, scaled = plan.static, plan.autoscaling.bill
    prompt, output = plan.split_usd
    waste = f"{usd(static.idle_usd_per_month)} for capacity that served nothing"
    follows = f"{scaled.replicas_mean:.1f} replicas on average, {scaled.idle_share:.1%} idle"
    ahead = f"if replicas start {duration(plan.autoscaling.lead_seconds)} ahead of demand"
    also = f"{usd(scaled.usd_per_million_tokens, 3)} following the load; prompt and generated alike"
    weight = f"split: a generated token costs {plan.inputs.output_weight:g} × a prompt token"
    yield "always at peak", usd(static.usd_per_month), "a month of 730 hours"
    yield "of it idle", f"{static.idle_share:.1%}", waste
    yield "following the load", usd(scaled.usd_per_month), follows
    yield "autoscaling saves", usd(plan.saving_usd_per_month), ahead
    yield "per million tokens", usd(static.usd_per_million_tokens, 3), also
    yield "  prompt, generated", f"{usd(prompt, 3)}, {usd(output, 3)}", weight


def _deploys(plan: Plan) -> str:
    head = ("", "extra replicas", "capacity", "takes", "USD/deploy", "USD/month", "bad version hits", "way back")
    rows = [
        (
            strategy.name,
            f"+{strategy.extra_replicas}",
            f"{strategy.least_capacity:.0%}",
            duration(strategy.duration_seconds),
            usd(strategy.usd_per_deploy),
            usd(strategy.usd_per_month),
            f"{strategy.blast_share:.0%} of users",
            duration(strategy.rollback_seconds),
        )
        for strategy in plan.strategies
    ]
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]
    table = "".join(_line(row, widths) for row in (head, *rows))
    table += "  USD/month holds the standing headroom where the strategy needs it.\n"
    return table + "".join(f"  {strategy.name:<11} {strategy.why}\n" for strategy in plan.strategies)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return "  " + first[0].ljust(first[1]) + "".join(f"  {cell:>{width}}" for cell, width in rest) + "\n"


def _levers(plan: Plan) -> str:
    def amount(low: float, high: float) -> str:
        return usd(low) if low == high else f"{usd(low)} to {usd(high)}"

    rows = [(lever.name, amount(lever.low_usd, lever.high_usd), lever) for lever in plan.levers]
    width = max(len(saved) for _, saved, _ in rows)
    return "".join(f"  {name:<11} {saved:>{width}}   {lever.how}; {lever.when}\n" for name, saved, lever in rows)


def share(value: float) -> str:
    """A share as per cent, with as many nines as it has, seven places at most."""
    if value >= 1:
        return "100%"
    places = min(_MOST_PLACES, max(2, math.ceil(-math.log10(1 - value))))
    return f"{math.floor(value * 10 ** (places + 2)) / 10**places:.{places}f}%"


def _target(value: float) -> str:
    return f"{100 * value:.7g}%"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.1f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"


def usd(value: float, decimals: int = 0) -> str:
    """Dollars."""
    return f"${value:,.{decimals}f}"
