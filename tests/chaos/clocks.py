"""Clocks: one that makes delays short, and that of a worker which is wrong (`time.time`, in its thread alone)."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TIME_SCALE = 0.05  # what waits for 20 s waits one second here
_skew = threading.local()
_real_time = time.time


def hurried_clock() -> float:
    """For budgets and cooldowns, in seconds that are as short as the queues' delays."""
    return time.monotonic() / TIME_SCALE


@contextmanager
def skewed_clocks() -> Iterator[None]:
    """While it lasts, `time.time` tells each thread what `skewed_by` gave it; everybody else the truth."""
    time.time = lambda: _real_time() + getattr(_skew, "seconds", 0.0)
    try:
        yield
    finally:
        time.time = _real_time


@contextmanager
def skewed_by(seconds: float) -> Iterator[None]:
    before = getattr(_skew, "seconds", 0.0)
    _skew.seconds = seconds
    try:
        yield
    finally:
        _skew.seconds = before


@contextmanager
def true_time() -> Iterator[None]:
    """For what stands for another machine with a clock of its own."""
    with skewed_by(0.0):
        yield
