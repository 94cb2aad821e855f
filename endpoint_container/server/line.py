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


@dataclass(frozen=True)
class Progress:
    """The tokens of one of a job's texts so far, and whether they are all."""

    number: int
    tokens: tuple[int, ...]
    finished: bool


@dataclass
class Job:
    """One request for the model thread; `listener` is called from there as its text grows."""

    runner: TaskRunner[Any, Any, Any]
    inputs: Any
    listener: Callable[[Progress], None] | None = None
    future: Future[Done] = field(default_factory=Future)
    submitted: float = field(default_factory=perf_counter)
    gone: bool = False

    def leave(self) -> None:
        """Nobody waits any more: a job in line is taken out, a text in a slot is not written on."""
        self.gone = True
        self.future.cancel()

    @property
    def cost(self) -> Cost | None:
        """None where the runner takes one request at a time."""
        return self.runner.cost(self.inputs) if isinstance(self.runner, BatchRunner) else None


class Line:
    """First come, first served: a batch is the job at the front and those of its runner behind it, up to the limits.

    Jobs of other runners keep their places: neither are they held up by the batch's size nor do they cut it short.
    """

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._coming = 0
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._closed = False

    @contextmanager
    def expect(self) -> Iterator[Callable[[Job], None]]:
        """Announce a job that is being prepared; what is yielded puts it in the line, and others after it."""
        put = False

        def enter(job: Job) -> None:
            nonlocal put
            with self._changed:
                self._coming -= 0 if put else 1
                put = True
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

    def take(self, wait: bool = True) -> list[Job]:
        """The next batch, its futures running. Waits for one; an empty one says that the line is closed and done.

        Without `wait` it is what stands there now, which may be nothing.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed or not wait)
                if not self._jobs:
                    return []
                # A lone request never waits: there is nobody it could be joined by.
                self._changed.wait_for(self._complete, timeout=self._limits.wait_s if wait else 0)
                batch, _ = self._front()
                taken = {id(job) for job in batch}
                self._jobs = deque(job for job in self._jobs if id(job) not in taken)
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
        return self._closed or self._coming == 0 or self._front()[1]

    def _front(self) -> tuple[list[Job], bool]:
        """The jobs that make up the next batch, at least one whatever it costs; and whether no other could join it."""
        first = self._jobs[0]
        if first.cost is None:
            return [first], True
        batch: list[Job] = []
        tokens = tiles = 0
        for job in self._jobs:
            if job.runner is not first.runner or (cost := job.cost) is None:
                continue
            tokens, tiles = tokens + cost.tokens, tiles + cost.tiles
            if batch and (tokens > self._limits.tokens or tiles > self._limits.tiles):
                return batch, True
            batch.append(job)
        return batch, False
