"""What waits goes together; what fails, fails for those who were in it."""

import threading

import pytest

from benchmarks.batcher import Batcher


def test_what_waits_while_one_runs_goes_together():
    batches: list[list[int]] = []
    first_runs, go_on = threading.Event(), threading.Event()

    def run(batch: list[int]) -> list[int]:
        batches.append(batch)
        first_runs.set()
        go_on.wait(5)
        return [number * 10 for number in batch]

    batcher: Batcher[int, int] = Batcher(run, most=3)
    futures = [batcher.submit(0)]
    assert first_runs.wait(5)
    futures += [batcher.submit(number) for number in (1, 2, 3, 4)]
    go_on.set()
    assert [future.result(5) for future in futures] == [0, 10, 20, 30, 40]
    assert batches == [[0], [1, 2, 3], [4]]
    batcher.close()


def test_a_failure_is_told_to_all_of_its_batch_and_to_no_other():
    def run(batch: list[int]) -> list[int]:
        if 13 in batch:
            raise ValueError("unlucky")
        return batch

    batcher: Batcher[int, int] = Batcher(run, most=1)
    bad, good = batcher.submit(13), batcher.submit(7)
    with pytest.raises(ValueError, match="unlucky"):
        bad.result(5)
    assert good.result(5) == 7
    batcher.close()
