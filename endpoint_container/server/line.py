"""The line in front of the model thread, and which of its jobs are done together."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from models.interface import BatchRunner, Cost, TaskRunner


@dataclass(frozen=True)
class BatchLimits:
    """The most tokens and tiles a batch, and the longest wait for requests that are still being prepared."""

    tokens: int
    tiles: int
    wait_s: float


@dataclass(frozen=True)
class Done:
    """What a job returned, and how long it had waited for the thread."""

    value: Any
    queue_ms: float


@dataclass
class Job:
    """One request for the model thread; cancelling `future` before its turn takes it out of the line."""

    runner: TaskRunner[Any, Any, Any]
    inputs: Any
    future: Future[Done] = field(default_factory=Future)
    submitted: float = field(default_factory=perf_counter)

    @property
    def cost(self) -> Cost | None:
        """None where the runner takes one request at a time."""
        return self.runner.cost(self.inputs) if isinstance(self.runner, BatchRunner) else None


class Line:
    """First come, first served: a batch is what stands at the front, as far as the limits and one runner go."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._coming = 0
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._closed = False

    @contextmanager
    def expect(self) -> Iterator[Callable[[Job], None]]:
        """Announce a job that is being prepared; what is yielded puts it in the line, once."""
        put = False

        def enter(job: Job) -> None:
            nonlocal put
            put = True
            with self._changed:
                self._coming -= 1
                self._jobs.append(job)
                self._changed.notify()

        with self._changed:
            self._coming += 1
        try:
            yield enter
        finally:
            with self._changed:
                self._coming -= 0 if put else 1
                self._changed.notify()

    def close(self) -> None:
        """Nobody has to wait for more; what is in the line can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self) -> list[Job]:
        """The next batch, its futures running. Waits for one; an empty one says that the line is closed and done."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return []
                # A lone request never waits: there is nobody it could be joined by.
                self._changed.wait_for(self._complete, timeout=self._limits.wait_s)
                batch = [self._jobs.popleft() for _ in range(self._front())]
            if batch := [job for job in batch if job.future.set_running_or_notify_cancel()]:
                return batch

    def __len__(self) -> int:
        return len(self._jobs)

    def drain(self) -> list[Job]:
        """All that is left, out of the line."""
        with self._changed:
            left, self._jobs = list(self._jobs), deque()
        return [job for job in left if job.future.set_running_or_notify_cancel()]

    def _complete(self) -> bool:
        alone = self._jobs[0].cost is None
        return self._closed or self._coming == 0 or alone or self._front() < len(self._jobs)

    def _front(self) -> int:
        """How many jobs at the front of the line make up one batch: at least one, whatever it costs."""
        tokens = tiles = 0
        for number, job in enumerate(self._jobs):
            cost = job.cost
            if number and (cost is None or job.runner is not self._jobs[0].runner):
                return number
            if cost is None:
                return 1
            tokens, tiles = tokens + cost.tokens, tiles + cost.tiles
            if number and (tokens > self._limits.tokens or tiles > self._limits.tiles):
                return number
        return len(self._jobs)
