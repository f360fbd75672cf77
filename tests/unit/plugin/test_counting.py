"""What a rank's series say after steps and finished requests, and what odd statistics cost."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from forewarn import catalogue
from forewarn.plugin.counting import OTHER, SPOILS, RankCounter
from forewarn.plugin.families import Families, Page
from tests.unit.plugin.statistics import Outputs, Request, Step, place, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

BUDGETS = {"ttft": 0.5, "tpot": 0.1, "e2e": 10.0}


class Counted:
    """A counter of one rank and its page."""

    def __init__(self, budgets: Mapping[str, float] = BUDGETS) -> None:
        where, families = place(), Families()
        where.show(Page(families, self))
        self._registry = where._registry
        self.rank = RankCounter(families, ("tiny", "0"), budgets)

    def page(self) -> Mapping[str, float]:
        """The samples."""
        return shown(self._registry)

    def unreadable(self) -> set[str]:
        """Fields that could not be read."""
        return {name.split()[1] for name in self.page() if name.startswith("unreadable_total ")}


class Broken:
    """Every attribute raises something else than it should."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        raise RuntimeError(name)


def finish(*requests: object) -> Outputs:
    """The outputs of a step in which these requests ended."""
    return Outputs(finished_requests=list(requests))


def test_everything_is_there_at_zero_before_the_first_step() -> None:
    """A count of nothing is known to be nothing; only reasons and unreadable fields come with their first event."""
    page = Counted().page()
    assert page["preemptions_total"] == page["requests_empty_total"] == page["slo_requests_total ttft"] == 0
    assert page["requests_waiting_samples_count"] == 0
    assert page["objective_tpot_seconds"] == 0.1
    assert not [name for name in page if name.startswith(("unreadable", "requests_finished"))]


def test_each_step_is_one_sample() -> None:
    """Queue, pressure and KV use are observed under the sidecar's bounds; deferred requests wait like the others."""
    counted = Counted()
    counted.rank.step(0.0, Step(2, 6, 2, 0.9))
    counted.rank.step(0.1, Step(0, 0, 0, 0.2))
    page = counted.page()
    assert (page["requests_waiting_samples_count"], page["requests_waiting_samples_sum"]) == (2, 8)
    assert (page["queue_pressure_samples_ratio_bucket 2.0"], page["queue_pressure_samples_ratio_bucket 4.0"]) == (1, 2)
    assert page["kv_cache_usage_samples_ratio_bucket 0.85"] == 1
    peaks = ("requests_waiting_peak", "queue_pressure_peak_ratio", "kv_cache_usage_peak_ratio")
    assert [page[name] for name in peaks] == [8, 4, 0.9]


def test_peaks_fade_without_a_step() -> None:
    """VLLM's ten-second tick takes an idle engine's peak away."""
    counted = Counted()
    counted.rank.step(0.0, Step(2, 6, 0, 0.9))
    counted.rank.fade(30.0)
    assert counted.page()["kv_cache_usage_peak_ratio"] == 0


def test_releases_before_deferred_requests() -> None:
    """0.11.1 to 0.19 have no field for them; that is no defect."""
    counted = Counted()
    counted.rank.step(0.0, SimpleNamespace(num_running_reqs=1, num_waiting_reqs=3, kv_cache_usage=0.1))
    assert counted.page()["requests_waiting_samples_sum"] == 3
    assert counted.unreadable() == set()


def test_outcomes_by_reason() -> None:
    """The reason's text is the label; one that this release does not know shares a label with its like."""
    counted = Counted()
    reasons = ("stop", "length", "LENGTH", "error", "a new reason", "another")
    counted.rank.outputs(finish(*(Request(finish_reason=reason) for reason in reasons)))
    page = counted.page()
    assert {name.split()[1]: n for name, n in page.items() if name.startswith("requests_finished_total")} == {
        "stop": 1,
        "length": 2,
        "error": 1,
        OTHER: 2,
    }


@pytest.mark.parametrize(
    ("reason", "tokens", "asked", "empty"),
    [
        ("stop", 1, 2, True),
        ("stop", 0, 2, True),
        ("stop", 1, 1, False),
        ("stop", 1, 0, False),
        ("stop", 2, 9, False),
        ("length", 1, 9, False),
        ("abort", 0, 9, False),
        ("stop", 0, None, False),
    ],
)
def test_what_an_empty_output_is(reason: str, tokens: int, asked: int | None, empty: bool) -> None:  # noqa: FBT001  table
    """It stopped by itself after one token at most and had asked for more; pooling requests have no limit at all."""
    counted = Counted()
    counted.rank.outputs(finish(Request(reason, tokens, asked)))
    assert counted.page()["requests_empty_total"] == empty
    assert counted.unreadable() == set()


def test_budgets_are_judged_exactly() -> None:
    """On the budget is within it, and each SLI has its own denominator."""
    counted = Counted()
    counted.rank.outputs(Outputs([], [0.1, 0.5, 0.500001], 0))
    counted.rank.outputs(finish(Request(e2e_latency=10.0), Request(e2e_latency=10.1, mean_time_per_output_token=0.2)))
    page = counted.page()
    assert (page["slo_requests_total ttft"], page["slo_violations_total ttft"]) == (3, 1)
    assert (page["slo_requests_total e2e"], page["slo_violations_total e2e"]) == (2, 1)
    assert (page["slo_requests_total tpot"], page["slo_violations_total tpot"]) == (2, 1)


def test_one_token_has_no_time_per_output_token() -> None:
    """VLLM says 0 there, which would count as within any budget."""
    counted = Counted()
    counted.rank.outputs(finish(Request(num_generation_tokens=1, mean_time_per_output_token=0)))
    page = counted.page()
    assert (page["slo_requests_total tpot"], page["slo_requests_total e2e"]) == (0, 1)


def test_a_budget_that_is_not_set_has_no_series() -> None:
    """Absent is absent."""
    counted = Counted({"ttft": 1.0})
    counted.rank.outputs(finish(Request()))
    page = counted.page()
    assert "objective_e2e_seconds" not in page
    assert "slo_requests_total e2e" not in page


def test_preemptions_add_up() -> None:
    """Per step, as vLLM counts them."""
    counted = Counted()
    for number in (2, 0, 3):
        counted.rank.outputs(Outputs([], [], number))
    assert counted.page()["preemptions_total"] == 5


@pytest.mark.parametrize(
    ("stats", "fields"),
    [
        (Step(num_running_reqs=None), {"num_running_reqs"}),
        (Step(num_waiting_reqs="many"), {"num_waiting_reqs"}),
        (Step(num_waiting_reqs=-1), {"num_waiting_reqs"}),
        (Step(num_skipped_waiting_reqs=None), {"num_skipped_waiting_reqs"}),
        (Step(kv_cache_usage=math.nan), {"kv_cache_usage"}),
        (SimpleNamespace(), {"num_running_reqs", "num_waiting_reqs", "kv_cache_usage"}),
        (Broken(), {"num_running_reqs", "num_waiting_reqs", "num_skipped_waiting_reqs", "kv_cache_usage"}),
    ],
)
def test_a_step_that_cannot_be_read_is_said_and_is_no_sample(stats: object, fields: set[str]) -> None:
    """No zero in place of what is missing, and the other fields count."""
    counted = Counted()
    counted.rank.step(0.0, stats)
    page = counted.page()
    assert counted.unreadable() == fields
    spoilt = {series for field in fields for series in SPOILS[field]}
    for name in ("requests_waiting_samples", "queue_pressure_samples_ratio", "kv_cache_usage_samples_ratio"):
        assert page[f"{name}_count"] == (name not in spoilt)


@pytest.mark.parametrize(
    ("stats", "fields"),
    [
        (SimpleNamespace(), {"num_preempted_reqs", "time_to_first_tokens_iter", "finished_requests"}),
        (Broken(), {"num_preempted_reqs", "time_to_first_tokens_iter", "finished_requests"}),
        (Outputs(finished_requests=None), {"finished_requests"}),
        (Outputs(time_to_first_tokens_iter=[0.1, None]), {"time_to_first_tokens_iter"}),
        (Outputs(time_to_first_tokens_iter=[0.1, math.nan]), {"time_to_first_tokens_iter"}),
        (Outputs(num_preempted_reqs=-1), {"num_preempted_reqs"}),
        (finish(Broken()), {"finish_reason", "num_generation_tokens", "e2e_latency"}),
        (finish(Request(e2e_latency=None)), {"e2e_latency"}),
        (finish(Request(mean_time_per_output_token=None)), {"mean_time_per_output_token"}),
        (finish(Request(num_generation_tokens=None)), {"num_generation_tokens"}),
        (finish(Request(num_generation_tokens=1, max_tokens_param="x")), {"max_tokens_param"}),
    ],
)
def test_outputs_that_cannot_be_read_are_said(stats: object, fields: set[str]) -> None:
    """One field each, and nothing raised."""
    counted = Counted()
    counted.rank.outputs(stats)
    assert counted.unreadable() == fields


def test_unreadable_names_series_of_the_catalogue() -> None:
    """The sidecar looks them up there, to leave the plugin's count for its own."""
    known = {metric.name.removeprefix(catalogue.PLUGIN_PREFIX) for metric in catalogue.PLUGIN}
    assert {series for spoilt in SPOILS.values() for series in spoilt} <= known
