"""Requests that wait together go together: the smallest batching there is, for ways that bring none of their own."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Input = TypeVar("Input")
Output = TypeVar("Output")


class Batcher(Generic[Input, Output]):
    """One thread that runs whatever waits, at most `most` at once, as soon as it is free."""

    def __init__(self, run: Callable[[list[Input]], Sequence[Output]], most: int) -> None:
        self._run = run
        self._most = most
        self._waiting: queue.Queue[tuple[Input, Future[Output]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, inputs: Input) -> "Future[Output]":
        future: Future[Output] = Future()
        self._waiting.put((inputs, future))
        return future

    def close(self) -> None:
        """Do what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        closed = False
        while not closed:
            batch = [self._waiting.get()]
            while len(batch) < self._most and not self._waiting.empty():
                batch.append(self._waiting.get())
            closed = None in batch
            if jobs := [job for job in batch if job is not None]:
                self._answer(jobs)

    def _answer(self, jobs: "list[tuple[Input, Future[Output]]]") -> None:
        try:
            outputs = self._run([inputs for inputs, _ in jobs])
        except Exception as error:
            for _, future in jobs:
                future.set_exception(error)
            return
        for (_, future), output in zip(jobs, outputs, strict=True):
            future.set_result(output)
