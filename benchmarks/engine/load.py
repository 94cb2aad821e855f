"""Callers of a service: some that always have a request under way, or such that come whenever they come."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from models.inspection import Inspection

Inspect = Callable[[Inspection], object]


@dataclass(frozen=True)
class Measured:
    """Seconds of each inspection, and from the first one's start to the last one's end."""

    spent_s: list[float]
    wall_s: float

    @property
    def a_minute(self) -> float:
        return 60 * len(self.spent_s) / self.wall_s


def closed_loop(inspect: Inspect, requests: Iterator[Inspection], concurrency: int, seconds: float) -> Measured:
    """`concurrency` callers, each with at least one inspection, and none that begins after `seconds`."""
    spent_s: list[float] = []
    taking = threading.Lock()
    started = time.perf_counter()

    def caller() -> None:
        while True:
            with taking:
                request = next(requests)
            sent = time.perf_counter()
            inspect(request)
            spent_s.append(time.perf_counter() - sent)
            if time.perf_counter() - started >= seconds:
                return

    with ThreadPoolExecutor(concurrency) as callers:
        for future in [callers.submit(caller) for _ in range(concurrency)]:
            future.result()
    return Measured(spent_s, time.perf_counter() - started)


def open_loop(inspect: Inspect, requests: Iterator[Inspection], arrivals_s: list[float]) -> Measured:
    """A request at each of `arrivals_s`, however many are still under way; waits for them all."""
    started = time.perf_counter()

    def caller(request: Inspection, arrival_s: float) -> float:
        inspect(request)
        # From the planned arrival: what the load generator loses is the caller's loss too.
        return time.perf_counter() - started - arrival_s

    with ThreadPoolExecutor(max(1, len(arrivals_s))) as callers:
        futures = []
        for arrival_s in arrivals_s:
            request = next(requests)
            time.sleep(max(0.0, started + arrival_s - time.perf_counter()))
            futures.append(callers.submit(caller, request, arrival_s))
        spent_s = [future.result() for future in futures]
    return Measured(spent_s, time.perf_counter() - started)


def poisson_arrivals(a_minute: float, seconds: float, seed: int) -> list[float]:
    """Moments within `seconds` of a Poisson process of that rate; the same for the same seed."""
    draw = random.Random(seed)
    moments: list[float] = []
    moment = draw.expovariate(a_minute / 60)
    while moment < seconds:
        moments.append(moment)
        moment += draw.expovariate(a_minute / 60)
    return moments
