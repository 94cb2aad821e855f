"""What is taken out of the line together, in which order, and when."""

import threading
from time import perf_counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.interface import Cost, TaskRunner
from server.line import BatchLimits, Job, Line
from tests.unit.endpoint_container import fakes


class Weighs:
    """Each request is its own cost."""

    def prepare(self, request: Any) -> Any: ...
    def run(self, prepared: Any) -> Any: ...
    def run_batch(self, batch: Any) -> Any: ...
    def cost(self, prepared: tuple[int, int]) -> Cost:
        return Cost(*prepared)


def line_of(jobs: list[Job], tokens: int = 1000, tiles: int = 1000, wait_s: float = 0.0) -> Line:
    line = Line(BatchLimits(tokens, tiles, wait_s))
    for job in jobs:
        with line.expect() as enter:
            enter(job)
    return line


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.integers(1, 60), st.integers(1, 30)), max_size=20),
    st.integers(1, 100),
    st.integers(1, 50),
)
def test_batches_are_in_order_and_within_the_limits(
    wanted: list[tuple[int, int, int]], tokens: int, tiles: int
) -> None:
    runners: list[TaskRunner[Any, Any, Any]] = [Weighs(), Weighs(), fakes.PicksFirst()]
    jobs = [Job(runners[runner], (its_tokens, its_tiles)) for runner, its_tokens, its_tiles in wanted]
    line = line_of(jobs, tokens, tiles)
    line.close()
    left, taken = list(jobs), []
    while batch := line.take():
        assert batch[0] is left[0], "who stands at the front is served"
        left = [job for job in left if all(job is not other for other in batch)]
        assert len({id(job.runner) for job in batch}) == 1
        if len(batch) > 1:
            assert isinstance(batch[0].runner, Weighs)
            assert sum(job.inputs[0] for job in batch) <= tokens
            assert sum(job.inputs[1] for job in batch) <= tiles
        taken += batch
    assert not left
    for runner in runners:
        served = [job for job in taken if job.runner is runner]
        assert served == [job for job in jobs if job.runner is runner], "in order, among those of a runner"


def test_another_runners_job_neither_joins_a_batch_nor_cuts_it_short() -> None:
    one, other = Weighs(), Weighs()
    jobs = [Job(runner, (1, 1)) for runner in (one, other, one, other)]
    line = line_of(jobs)
    assert line.take() == [jobs[0], jobs[2]]
    assert line.take() == [jobs[1], jobs[3]]


def test_a_second_job_of_a_request_counts_as_expected_no_more() -> None:
    runner = Weighs()
    line = Line(BatchLimits(1000, 1000, wait_s=60))
    with line.expect() as enter:
        enter(Job(runner, (1, 1)))
        assert len(line.take()) == 1
        enter(Job(runner, (1, 1)))
        assert len(line.take()) == 1
    with line.expect() as enter:
        enter(Job(runner, (1, 1)))
        threading.Timer(0.05, line.close).start()
        assert len(line.take()) == 1


def test_who_left_is_not_taken() -> None:
    runner = Weighs()
    jobs = [Job(runner, (1, 1)) for _ in range(3)]
    line = line_of(jobs)
    jobs[1].future.cancel()
    assert line.take() == [jobs[0], jobs[2]]


def test_a_lone_request_does_not_wait() -> None:
    line = line_of([Job(Weighs(), (1, 1))], wait_s=60)
    assert len(line.take()) == 1


def test_one_that_is_being_prepared_is_waited_for_but_not_for_ever() -> None:
    runner = Weighs()
    line = line_of([Job(runner, (1, 1))], wait_s=60)
    with line.expect() as enter:
        threading.Timer(0.05, enter, [Job(runner, (1, 1))]).start()
        assert len(line.take()) == 2
    line = line_of([Job(runner, (1, 1))], wait_s=0.05)
    started = perf_counter()
    with line.expect():
        assert len(line.take()) == 1
    assert perf_counter() - started >= 0.05


def test_one_whose_preparation_fails_is_not_waited_for() -> None:
    line = line_of([Job(Weighs(), (1, 1))], wait_s=60)
    try:
        with line.expect():
            raise ValueError
    except ValueError:
        pass
    assert len(line.take()) == 1


def test_nothing_is_waited_for_once_a_batch_is_full_or_cannot_grow() -> None:
    for line in (line_of([Job(runner, (9, 1)) for runner in [Weighs()] * 2], tokens=10, wait_s=60),
                 line_of([Job(fakes.PicksFirst(), None)], wait_s=60)):  # fmt: skip
        with line.expect():
            assert len(line.take()) == 1


def test_a_closed_line_is_emptied_first() -> None:
    runner = Weighs()
    line = line_of([Job(runner, (1, 1))])
    line.close()
    assert [len(line.take()), len(line.take())] == [1, 0]
