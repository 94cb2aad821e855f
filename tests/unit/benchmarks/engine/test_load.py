"""Callers: how many are under way, what they are told they waited, and when they come."""

import itertools
import threading
import time
from collections.abc import Iterator
from statistics import mean
from typing import Any

import pytest

from benchmarks.engine.load import closed_loop, open_loop, poisson_arrivals


def numbers() -> Iterator[Any]:
    return iter(itertools.count())


def test_arrivals_come_at_the_rate_that_was_asked_for():
    moments = poisson_arrivals(a_minute=600, seconds=600, seed=1)
    assert len(moments) == pytest.approx(6000, rel=0.05)
    assert moments == sorted(moments)
    assert 0 < moments[0] < moments[-1] < 600


def test_gaps_are_exponential():
    moments = poisson_arrivals(a_minute=60, seconds=20_000, seed=2)
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert mean(gaps) == pytest.approx(1, rel=0.05)
    assert mean(gap > 1 for gap in gaps) == pytest.approx(0.368, abs=0.02)


def test_the_same_seed_gives_the_same_arrivals():
    assert poisson_arrivals(30, 60, 7) == poisson_arrivals(30, 60, 7) != poisson_arrivals(30, 60, 8)


def test_as_many_are_under_way_as_there_are_callers():
    under_way, most, changing = 0, 0, threading.Lock()

    def inspect(_: object) -> None:
        nonlocal under_way, most
        with changing:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with changing:
            under_way -= 1

    measured = closed_loop(inspect, numbers(), concurrency=3, seconds=0.1)
    assert most == 3
    assert len(measured.spent_s) >= 9
    assert measured.a_minute == pytest.approx(60 * len(measured.spent_s) / measured.wall_s)


def test_every_caller_has_one_inspection_however_short_the_time():
    asked: list[int] = []
    closed_loop(asked.append, numbers(), concurrency=5, seconds=0)
    assert sorted(asked) == [0, 1, 2, 3, 4]


def test_a_failed_inspection_fails_the_measurement():
    def inspect(_: object) -> None:
        raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        closed_loop(inspect, numbers(), concurrency=2, seconds=0)


def test_those_who_come_while_one_is_served_wait_from_their_own_arrival():
    lock = threading.Lock()

    def inspect(_: object) -> None:
        with lock:
            time.sleep(0.1)

    spent_s = sorted(open_loop(inspect, numbers(), [0.0, 0.01, 0.02]).spent_s)
    assert spent_s == pytest.approx([0.1, 0.19, 0.28], abs=0.05)
