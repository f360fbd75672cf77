"""The scheduler: order, budget, blocks, preemption, and what it counts."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.vllm_sim.core import Engine, EngineShape, StepTime
from lab.vllm_sim.kv import blocks_for
from lab.vllm_sim.requests import Request, Sequence, State
from lab.vllm_sim.stats import EngineStats, Gauges
from tests.unit.lab.naive_scheduler import NaiveEngine


class Log:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.first: dict[int, float] = {}
        self.ended: dict[int, float] = {}

    def first_token(self, seq: Sequence, now: float) -> None:
        """Keep a first token's time."""
        self.first[seq.request.id] = now

    def finished(self, seq: Sequence, now: float) -> None:
        """Keep a finish's time."""
        self.ended[seq.request.id] = now


def make(shape: EngineShape) -> tuple[Engine, Log]:
    """Return an engine and its log."""
    log = Log()
    return Engine(shape, EngineStats(shape.max_model_len), log), log


def request(number: int = 1, prompt: int = 8, output: int = 3, arrival: float = 0.0, **more: object) -> Request:
    """Return a request of 8 prompt and 3 output tokens unless told otherwise."""
    return Request(id=number, arrival=arrival, prompt_tokens=prompt, output_tokens=output, **more)  # type: ignore[arg-type]


def drain(engine: Engine) -> None:
    """Complete steps until the engine is idle."""
    while engine.next_end < inf:
        engine.complete()


def test_step_time_is_base_plus_prefill_plus_decode() -> None:
    """A step takes the documented sum, and a slowdown spares the prefill term."""
    step = StepTime(base=1.0, per_prefill_token=0.01, per_decode_sequence=0.1)
    assert step.seconds(10, 2) == pytest.approx(1.3)
    assert step.seconds(10, 2, slowdown=2.0) == pytest.approx(2.5)


def test_one_request_runs_prefill_then_one_token_per_step(small_shape: EngineShape) -> None:
    """A lone request gets its first token after its prefill step and one token per step after that."""
    engine, log = make(small_shape)
    engine.submit(request(), 0.0)
    drain(engine)
    assert log.first == {1: pytest.approx(1.08)}
    assert log.ended == {1: pytest.approx(1.08 + 2 * 1.1)}


def test_long_prompt_is_prefilled_in_chunks(small_shape: EngineShape) -> None:
    """A prompt longer than the token budget takes several steps, and counts as a prompt once, at its end."""
    engine, log = make(small_shape)
    engine.submit(request(prompt=40), 0.0)
    engine.complete()
    assert engine.stats.prompt_tokens == 0
    assert engine.stats.iteration_tokens.count == 0
    engine.complete()
    engine.complete()
    assert engine.stats.prompt_tokens == 40
    assert engine.stats.iteration_tokens.total == 41
    assert log.first == {1: pytest.approx(3 + 0.4)}


def test_decodes_leave_the_rest_of_the_budget_to_prefill(small_shape: EngineShape) -> None:
    """A running request's token comes out of the budget before a new prompt's chunk."""
    engine, _ = make(small_shape)
    engine.submit(request(1, output=9), 0.0)
    engine.complete()
    engine.submit(request(2, prompt=16), 1.5)
    engine.complete()
    engine.complete()
    assert engine.stats.time_to_first_token.count == 1
    engine.complete()
    assert engine.stats.time_to_first_token.count == 2


def test_sequence_cap_keeps_the_rest_waiting(small_shape: EngineShape) -> None:
    """No more than max_num_seqs requests run, however many blocks are free."""
    engine, _ = make(small_shape)
    for number in range(6):
        engine.submit(request(number, prompt=2, output=9), 0.0)
    engine.complete()
    engine.complete()
    assert engine.stats.gauges == Gauges(running=4, waiting=2, kv_usage=4 / 20)


def test_a_prompt_waits_until_all_of_it_fits(small_shape: EngineShape) -> None:
    """A request is not admitted on the strength of its first chunk alone."""
    engine, _ = make(small_shape)
    engine.submit(request(1, prompt=44, output=3), 0.0)
    for _ in range(3):
        engine.complete()
    engine.submit(request(2, prompt=40), 3.0)
    engine.complete()
    assert engine.stats.gauges.waiting == 0
    engine.complete()
    assert (engine.running, engine.waiting) == (1, 0)
    assert engine.stats.preemptions == 0


def test_preemption_takes_the_last_admitted_and_recomputes_it(small_shape: EngineShape) -> None:
    """When blocks run out the youngest request loses all its blocks and later computes its tokens again."""
    engine, log = make(replace(small_shape, max_num_batched_tokens=64))
    first = engine.submit(request(1, prompt=36, output=20), 0.0)
    second = engine.submit(request(2, prompt=36, output=20), 0.0)
    while engine.stats.preemptions == 0:
        engine.complete()
    assert (first.state, second.state) == (State.RUNNING, State.WAITING)
    assert second.generated > 0
    kept = second.generated
    assert engine.blocks.used == engine.group.blocks(first)
    drain(engine)
    assert log.ended[1] < log.ended[2]
    assert (second.preemptions, first.preemptions) == (1, 0)
    assert second.target == 36 + kept
    assert engine.stats.time_to_first_token.count == 2
    assert engine.stats.prompt_tokens == 72
    assert engine.stats.generation_tokens == 40
    assert engine.stats.request_num_preemptions.total == 1


def test_recompute_gap_is_an_inter_token_latency(small_shape: EngineShape) -> None:
    """The wait of a preempted request shows as one long inter-token latency, and the sum stays whole."""
    engine, log = make(replace(small_shape, max_num_batched_tokens=64))
    engine.submit(request(1, prompt=36, output=20), 0.0)
    engine.submit(request(2, prompt=36, output=20), 0.0)
    drain(engine)
    stats = engine.stats
    decode_time = sum(log.ended[number] - log.first[number] for number in (1, 2))
    assert stats.inter_token_latency.count == 38
    assert stats.inter_token_latency.total == pytest.approx(decode_time)
    assert stats.request_decode_time.total == pytest.approx(decode_time)


def test_request_histograms_fill_at_the_finish(small_shape: EngineShape) -> None:
    """TTFT is counted at the first token; everything per request only when it is finished."""
    engine, _ = make(small_shape)
    engine.submit(request(output=3, max_tokens=3, reason="length"), 0.0)
    engine.complete()
    assert engine.stats.time_to_first_token.count == 1
    assert engine.stats.e2e_request_latency.count == 0
    drain(engine)
    stats = engine.stats
    assert stats.finished == {"stop": 0, "length": 1, "abort": 0, "error": 0, "repetition": 0}
    assert stats.e2e_request_latency.total == pytest.approx(3.28)
    assert stats.request_time_per_output_token.total == pytest.approx(1.1)
    assert stats.request_generation_tokens.total == 3
    assert stats.request_params_max_tokens.total == 3
    assert stats.request_inference_time.total == pytest.approx(3.28)
    assert stats.request_prefill_time.total == pytest.approx(1.08)
    assert stats.request_prefill_kv_computed_tokens.total == 8


def test_one_token_request_has_zero_time_per_output_token(small_shape: EngineShape) -> None:
    """A request of one token is observed as 0, not skipped, and has no inter-token latency."""
    engine, _ = make(small_shape)
    engine.submit(request(output=1), 0.0)
    drain(engine)
    assert (engine.stats.request_time_per_output_token.count, engine.stats.request_time_per_output_token.total) == (
        1,
        0,
    )
    assert engine.stats.inter_token_latency.count == 0
    assert engine.stats.request_params_max_tokens.count == 0
    assert engine.blocks.used == 0


def test_queue_time_runs_from_the_queue_to_the_first_scheduling(small_shape: EngineShape) -> None:
    """A request that comes during a step is queued at its end; TTFT counts from its arrival all the same."""
    engine, log = make(small_shape)
    engine.submit(request(1), 0.0)
    engine.submit(request(2, arrival=0.5), 0.5)
    drain(engine)
    assert engine.stats.request_queue_time.total == 0
    assert engine.stats.time_to_first_token.total == pytest.approx(log.first[1] + log.first[2] - 0.5)


def test_cached_prefix_is_not_computed(small_shape: EngineShape) -> None:
    """Cached prompt tokens shorten the prefill and are counted as hits, the prompt as queries."""
    engine, log = make(small_shape)
    engine.submit(request(cached_tokens=4), 0.0)
    drain(engine)
    assert log.first[1] == pytest.approx(1.04)
    stats = engine.stats
    assert (stats.prefix_queries, stats.prefix_hits, stats.cached_tokens) == (8, 4, 4)
    assert stats.request_prefill_kv_computed_tokens.total == 4


def test_disconnected_client_counts_in_ttft_and_in_no_finish(small_shape: EngineShape) -> None:
    """A client that leaves while its answer streams frees its blocks and reaches no request histogram."""
    engine, _ = make(small_shape)
    engine.submit(request(output=9), 0.0)
    engine.complete()
    assert engine.drop(1)
    assert not engine.drop(1)
    drain(engine)
    assert engine.stats.time_to_first_token.count == 1
    assert engine.stats.generation_tokens == 1
    assert sum(engine.stats.finished.values()) == engine.stats.e2e_request_latency.count == 0
    assert engine.stats.gauges == Gauges(0, 0, 0.0)


def test_dropped_half_done_prefill_frees_its_blocks(small_shape: EngineShape) -> None:
    """A client that leaves in the middle of a chunked prefill leaves nothing behind."""
    engine, log = make(small_shape)
    engine.submit(request(prompt=40), 0.0)
    engine.complete()
    engine.drop(1)
    engine.submit(request(2), 1.5)
    drain(engine)
    assert engine.blocks.used == 0
    assert list(log.ended) == [2]


def test_frozen_engine_keeps_its_gauges_and_goes_on_later(small_shape: EngineShape) -> None:
    """While frozen no step ends; afterwards the step in progress takes the time it had left."""
    engine, log = make(small_shape)
    engine.submit(request(), 0.0)
    engine.freeze(0.5)
    engine.submit(request(2, arrival=1.0), 1.0)
    assert engine.next_end == inf
    assert engine.stats.gauges == Gauges()
    engine.thaw(100.5)
    drain(engine)
    assert log.first[1] == pytest.approx(101.08)
    assert set(log.ended) == {1, 2}


def test_idle_engine_that_was_frozen_takes_up_its_queue(small_shape: EngineShape) -> None:
    """Requests that come to a frozen idle engine start when it thaws."""
    engine, log = make(small_shape)
    engine.freeze(0.0)
    engine.submit(request(arrival=1.0), 1.0)
    engine.thaw(10.0)
    drain(engine)
    assert log.first[1] == pytest.approx(11.08)


def test_stale_gauges_stand_still_while_counters_move(small_shape: EngineShape) -> None:
    """With stale gauges the published state stays while tokens are counted."""
    engine, _ = make(small_shape)
    engine.submit(request(output=9), 0.0)
    engine.complete()
    engine.stale = True
    drain(engine)
    assert engine.stats.gauges.running == 1
    assert engine.stats.generation_tokens == 9


SHAPES = st.builds(
    lambda seqs, budget, blocks, size, caching: EngineShape(
        max_num_seqs=seqs,
        max_num_batched_tokens=seqs + budget,
        max_model_len=(blocks - 1) * size,
        num_gpu_blocks=blocks,
        block_size=size,
        step_time=StepTime(base=1.0, per_prefill_token=0.0625, per_decode_sequence=0.125, per_context_token=1 / 1024),
        prefix_caching=caching,
    ),
    st.integers(1, 6),
    st.integers(1, 24),
    st.integers(4, 16),
    st.integers(1, 5),
    st.booleans(),
)


def prefixes(shape: EngineShape, prompt: int) -> st.SearchStrategy[dict[str, object]]:
    """Draw what the prefix cache has to do with a prompt: a stated share, or the head of one of two streams."""
    blocks = st.integers(0, (prompt - 1) // shape.block_size)
    share = blocks.map(lambda count: {"cached_tokens": count * shape.block_size})
    stream = st.fixed_dictionaries({"prefix": st.sampled_from("ab"), "prefix_tokens": st.integers(1, prompt)})
    return st.one_of(share, stream)


@st.composite
def workloads(draw: st.DrawFn) -> tuple[EngineShape, list[Request], list[tuple[float, int]]]:
    """Draw an engine, requests that fit it in order of arrival, and clients that leave."""
    shape = draw(SHAPES)
    requests, now = [], 0.0
    for number in range(draw(st.integers(1, 14))):
        now += draw(st.integers(0, 24)) / 8 + 1 / 64
        prompt = draw(st.integers(1, shape.max_model_len - 1))
        output = draw(st.integers(1, min(30, shape.max_model_len - prompt)))
        requests.append(request(number, prompt, output, now, **draw(prefixes(shape, prompt))))
    count = len(requests) - 1
    leaving = draw(st.lists(st.tuples(st.integers(1, 60), st.integers(0, count)), max_size=3, unique_by=lambda x: x[1]))
    return shape, requests, sorted((requests[number].arrival + after + 1 / 128, number) for after, number in leaving)


def test_engine_agrees_with_the_plain_loop_step_by_step() -> None:
    """Running, waiting, free blocks, token times and preemptions equal those of vLLM's loop written plainly."""
    preemptions = hits = 0

    @settings(max_examples=300, deadline=None)
    @given(workloads())
    def check(workload: tuple[EngineShape, list[Request], list[tuple[float, int]]]) -> None:
        nonlocal preemptions, hits
        shape, requests, leaving = workload
        (engine, log), naive = make(shape), NaiveEngine(shape)
        sequences, jobs, pending, steps = {}, {}, list(requests), 0
        while True:
            arrival = pending[0].arrival if pending else inf
            leave = leaving[0][0] if leaving else inf
            assert engine.next_end == naive.next_end
            now = min(arrival, leave, engine.next_end)
            if now == inf:
                break
            if now == arrival:
                new = pending.pop(0)
                sequences[new.id], jobs[new.id] = engine.submit(new, now), naive.submit(new, now)
            elif now == leave:
                _, number = leaving.pop(0)
                engine.drop(number)
                naive.drop(jobs[number])
            else:
                engine.complete()
                naive.complete()
                steps += 1
                gauges = engine.stats.gauges
                assert naive.states[-1][:3] == (now, gauges.running, gauges.waiting)
                assert 0 <= engine.blocks.used <= engine.blocks.capacity
            assert engine.blocks.free == naive.free
            assert held_blocks(engine, sequences) == engine.blocks.used
        for number, job in jobs.items():
            assert log.first.get(number) == (job.tokens_at[0] if job.tokens_at else None)
            assert sequences[number].preemptions == job.preemptions
            assert sequences[number].cached_tokens == (job.cached or 0)
            assert number not in log.ended or log.ended[number] == job.tokens_at[-1]
        assert engine.stats.generation_tokens == sum(len(job.tokens_at) for job in jobs.values())
        preemptions += engine.stats.preemptions
        hits += sum(job.cached or 0 for job in jobs.values() if job.request.prefix)

    check()
    assert preemptions > 0
    assert hits > 0


def held_blocks(engine: Engine, sequences: dict[int, Sequence]) -> int:
    """Count the blocks of all running sequences one by one, those of a stream that several hold once."""
    running = [seq for seq in sequences.values() if seq.state is State.RUNNING]
    shared: dict[str, int] = {}
    for seq in running:
        stream = seq.request.prefix or ""
        shared[stream] = max(shared.get(stream, 0), seq.shared)
    return sum(shared.values()) + sum(
        (engine.group.blocks(seq) if seq.decoding else blocks_for(seq.prefilled, engine.shape.block_size)) - seq.shared
        for seq in running
    )
