"""Arrivals derived from first tokens, queue and batch, against queues whose arrivals are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from forewarn.sampling.arrivals import Arrivals
from tests.unit.sampling.builders import quick

rates = st.integers(0, 8)
chances = st.integers(0, 1 << 32).map(Random)
spans = st.lists(st.tuples(rates, st.integers(1, 20)), min_size=1, max_size=5)


@dataclass
class Queue:
    """An engine between two polls: requests come, wait, prefill, decode, are preempted, leave or are dropped."""

    random: Random
    seats: int = 6
    arrived: int = 0
    waiting: int = 0
    prefilling: list[int] = field(default_factory=list)
    decoding: int = 0
    first_tokens: int = 0
    preempted_waiting: int = 0
    preempted: int = 0
    slow: int = 4

    def step(self, coming: int, *, preempts: bool = False, drops: bool = False) -> None:
        """One polling interval."""
        self.arrived += coming
        self.waiting += coming
        if drops:
            self.waiting -= self.random.randint(0, self.waiting)
        self.decoding -= self.random.randint(0, self.decoding)
        done = [left for left in self.prefilling if left == 0]
        self.prefilling = [left - 1 for left in self.prefilling if left]
        self.first_tokens += len(done)
        self.decoding += len(done)
        if preempts and self.decoding:
            gone = self.random.randint(0, self.decoding)
            self.decoding -= gone
            self.preempted_waiting += gone
            self.preempted += gone
        elif self.preempted_waiting:
            back = min(self.preempted_waiting, self.seats - self.running)
            self.preempted_waiting -= back
            self.decoding += back
        while self.waiting and self.running < self.seats:
            self.waiting -= 1
            self.prefilling.append(self.random.randint(0, self.slow))

    @property
    def running(self) -> int:
        """Requests in the batch."""
        return len(self.prefilling) + self.decoding

    def show(self, arrivals: Arrivals) -> None:
        """One page."""
        arrivals.update(self.first_tokens, self.waiting + self.preempted_waiting, self.running)

    def drain(self, arrivals: Arrivals) -> None:
        """No more requests until everything is served."""
        while self.waiting or self.prefilling or self.preempted_waiting:
            self.step(0)
            self.show(arrivals)


def polls(spans: list[tuple[int, int]]) -> list[int]:
    """Requests coming at each poll."""
    return [rate for rate, length in spans for _ in range(length)]


def started() -> Arrivals:
    """An estimate that began with an idle engine."""
    arrivals = Arrivals()
    assert arrivals.value is None
    arrivals.update(0, 0, 0)
    return arrivals


@quick
@given(spans, chances, st.integers(0, 50))
def test_every_request_is_counted_once_when_nobody_leaves(
    spans: list[tuple[int, int]], random: Random, slow: int
) -> None:
    """However long prefill takes, the estimate lags by at most the batch and ends at the truth."""
    queue, arrivals = Queue(random, slow=slow), started()
    for coming in polls(spans):
        queue.step(coming)
        queue.show(arrivals)
        assert queue.arrived - queue.running <= (arrivals.value or 0) <= queue.arrived
    queue.drain(arrivals)
    assert arrivals.value == queue.arrived


@quick
@given(spans, chances)
def test_preempted_requests_are_all_that_can_be_counted_too_much(spans: list[tuple[int, int]], random: Random) -> None:
    """A preempted request waits again after its first token, and may be taken for a new one, once each time."""
    queue, arrivals, before = Queue(random), started(), 0.0
    for coming in polls(spans):
        queue.step(coming, preempts=random.random() < 0.3)
        queue.show(arrivals)
        value = arrivals.value or 0.0
        assert before <= value <= queue.arrived + queue.preempted
        before = value


@quick
@given(spans, chances)
def test_clients_that_give_up_never_make_it_too_much(spans: list[tuple[int, int]], random: Random) -> None:
    """Dropped requests leave the queue for good: the estimate never falls and never passes the truth."""
    queue, arrivals, before = Queue(random), started(), 0.0
    for coming in polls(spans):
        queue.step(coming, drops=random.random() < 0.2)
        queue.show(arrivals)
        assert before <= (arrivals.value or 0.0) <= queue.arrived
        before = arrivals.value or 0.0


@quick
@given(st.lists(st.tuples(*[st.integers(0, 30)] * 3, st.booleans()), max_size=30))
def test_the_estimate_never_goes_down(pages: list[tuple[int, int, int, bool]]) -> None:
    """Whatever the pages say, in any order, and whenever the engine restarts."""
    arrivals, first_tokens, before = Arrivals(), 0, 0.0
    for gained, waiting, running, restarted in pages:
        if restarted:
            arrivals.restart()
        first_tokens += gained
        arrivals.update(first_tokens, waiting, running)
        assert (arrivals.value or 0.0) >= before
        before = arrivals.value or 0.0


def test_a_queue_that_is_cancelled_does_not_hide_what_comes_after() -> None:
    """When a queue empties without running, requests that come later count from the first."""
    arrivals = started()
    arrivals.update(0, 100, 0)
    for _ in range(2):
        arrivals.update(0, 0, 0)
    assert arrivals.value == 100
    arrivals.update(0, 7, 0)
    assert arrivals.value == 107


def test_a_page_between_the_batch_and_the_first_token_counts_nothing() -> None:
    """A request that left the batch before its first token was counted is not counted anew."""
    arrivals = started()
    arrivals.update(0, 3, 0)
    arrivals.update(0, 0, 0)
    arrivals.update(3, 0, 0)
    assert arrivals.value == 3


def test_after_a_restart_the_new_queue_is_new() -> None:
    """Requests in the queue of a crashed engine have arrived, and those that come after it arrive too."""
    arrivals = started()
    arrivals.update(10, 50, 4)
    arrivals.restart()
    arrivals.update(10, 20, 0)
    assert arrivals.value == 60 + 20


def test_work_found_at_the_start_counts_as_arrived() -> None:
    """The count starts at what the engine has seen and holds in its queue."""
    arrivals = Arrivals()
    arrivals.update(40, 5, 3)
    assert arrivals.value == 45


def test_restarts_before_the_first_page_are_no_matter() -> None:
    """A restart is noticed before anything was counted."""
    arrivals = Arrivals()
    arrivals.restart()
    arrivals.update(2, 1, 0)
    assert arrivals.value == 3
