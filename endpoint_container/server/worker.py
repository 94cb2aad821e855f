"""The one thread that owns the model: it loads and tests it, then does batches of jobs and writes texts in turns."""

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Protocol

from models.errors import EndpointError, LoadError, ModelDefunct
from models.interface import BatchRunner, CacheCounts, CachingModel, LoadedModel, TaskRunner
from models.writing import Unwritten, WritingModel
from server.desk import Desk
from server.health import Health, State
from server.line import BatchLimits, Done, Job, Line, Progress
from server.log import describe, log
from server.metrics import Metrics
from server.model_failure import as_failure

Listener = Callable[[Progress], None]


class Submit(Protocol):
    """Puts a prepared request in line."""

    def __call__(self, runner: TaskRunner[Any, Any, Any], inputs: Any, listener: Listener | None = None) -> Job: ...


# Weight of the newest job in the running mean of a job's duration.
NEWEST = 0.2
STARTING_RETRY_S = 5


class ModelWorker:
    """Runs jobs, those that wait together in one batch; at most `max_queue` requests wait besides one served."""

    def __init__(
        self,
        load_model: Callable[[], LoadedModel],
        health: Health,
        metrics: Metrics,
        max_queue: int,
        limits: BatchLimits,
    ) -> None:
        self._load_model = load_model
        self._health = health
        self._metrics = metrics
        self._slots = max_queue + 1
        self._taken = 0
        self._lock = threading.Lock()
        self.line = Line(limits)
        self._desk = Desk(None, metrics)
        self._owed_s = 0.0
        self._mean_s = 1.0
        self._model: LoadedModel | None = None
        # A daemon: a load or a forward that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)

    def start(self) -> None:
        """Begin to load the model; returns at once."""
        self._thread.start()

    @property
    def model(self) -> LoadedModel:
        """The model; raises `not_ready` until it passed its self-test, and after it stopped serving."""
        if self._model is None or not self._health.serving:
            state = self._health.state
            retry_after_s = STARTING_RETRY_S if state is State.STARTING else None
            raise EndpointError("not_ready", f"The model's state is {state}.", retry_after_s=retry_after_s)
        return self._model

    @property
    def caches(self) -> Mapping[str, CacheCounts]:
        """What the model's caches did; nothing until it is loaded, or if it has none."""
        return self._model.caches if isinstance(self._model, CachingModel) else {}

    @property
    def slots_in_use(self) -> int:
        """Texts that are being written."""
        return self._desk.slots_in_use

    @contextmanager
    def slot(self) -> Iterator[Submit]:
        """Hold one of the places, from before the photos are decoded until the answer is out.

        What is yielded puts the prepared request in line. Raises `overloaded`, with the time after which a place
        should be free.
        """
        with self._lock:
            if self._taken >= self._slots:
                detail = f"{self._slots} requests are served or waiting."
                raise EndpointError("overloaded", detail, retry_after_s=max(1, math.ceil(self._mean_s * self._taken)))
            self._taken += 1
        try:
            with self.line.expect() as enter:

                def submit(runner: TaskRunner[Any, Any, Any], inputs: Any, listener: Listener | None = None) -> Job:
                    job = Job(runner, inputs, listener)
                    enter(job)
                    if not self._thread.is_alive():
                        self._abandon()
                    return job

                yield submit
        finally:
            with self._lock:
                self._taken -= 1

    def stop(self, timeout_s: float) -> bool:
        """Finish what is in line, then end the thread; says whether it ended in time."""
        self.line.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        if self._set_up():
            while self._turn():
                pass
        self._abandon()

    def _set_up(self) -> bool:
        started = perf_counter()
        try:
            model = self._load_model()
            model.self_test()
        except LoadError as error:
            log("load_failed", logging.ERROR, reason=str(error))
        except BaseException as error:  # the thread's outermost edge: whatever happened, /ping must say so
            # No client has been served yet, so the message can hold nothing of theirs.
            log("load_failed", logging.ERROR, reason=str(error)[:500], **describe(error))
        else:
            self._model = model
            self._desk = Desk(model.writer if isinstance(model, WritingModel) else None, self._metrics)
            log("loaded", seconds=round(perf_counter() - started, 3), **vars(model.identity))
            return self._health.move(State.READY)
        self._health.move(State.SETUP_FAILED)
        return False

    def _turn(self) -> bool:
        """One batch if there is one and it is its turn, then one token of every text; says whether to go on.

        After a batch, writing has as much time as the batch took before the next is taken, so that neither starves:
        who is written waits for one batch at most, and a batch for one step or for as long as the last batch took.
        """
        writing = self._desk.busy
        batch = [] if writing and self._owed_s > 0 else self.line.take(wait=not writing)
        if not batch and not writing:
            return False
        self._health.move(State.BUSY)
        started = perf_counter()
        usable = not batch or self._run(batch, started)
        done = perf_counter()
        if batch:
            self._owed_s = done - started
            self._mean_s += NEWEST * (self._owed_s / len(batch) - self._mean_s)
        if usable and self._desk.busy:
            usable = self._write()
            self._owed_s -= perf_counter() - done
        self._metrics.busy_s.inc(perf_counter() - started)
        if usable and not self._desk.busy:
            self._health.move(State.READY)
        return usable

    def _write(self) -> bool:
        """One step of all texts; says whether the model can take another one."""
        try:
            self._desk.turn()
        except ModelDefunct as error:
            failure = error
        except BaseException as error:
            log("model_died", logging.CRITICAL, **describe(error))
            failure = ModelDefunct("The model's thread ended.")
        else:
            return True
        self._desk.abandon(failure)
        return False

    def _run(self, batch: list[Job], started: float) -> bool:
        """Do a batch, or its halves if it fails as a whole, so that a job fails only by what it is itself."""
        failure = self._attempt(batch, started)
        if failure is None:
            return True
        if isinstance(failure, ModelDefunct):
            for job in batch:
                job.future.set_exception(failure)
            return False
        if len(batch) == 1:
            batch[0].future.set_exception(failure)
            return True
        self._metrics.splits.inc()
        half = len(batch) // 2
        if self._run(batch[:half], started):
            return self._run(batch[half:], started)
        for job in batch[half:]:
            job.future.set_exception(ModelDefunct("The model stopped before this request's turn."))
        return False

    def _attempt(self, batch: list[Job], started: float) -> EndpointError | None:
        """Set the results of a batch, or put them on the desk if they lack text; or say what went wrong."""
        try:
            values = call(batch)
        except Exception as error:
            return as_failure(error, batch=len(batch))
        except BaseException as error:
            log("model_died", logging.CRITICAL, **describe(error))
            return ModelDefunct("The model's thread ended.")
        self._count(batch)
        for job, value in zip(batch, values, strict=True):
            queue_s = started - job.submitted
            if isinstance(value, Unwritten):
                self._desk.add(job, value, queue_s)
            else:
                job.future.set_result(Done(value, queue_s * 1000))
        return None

    def _count(self, batch: list[Job]) -> None:
        self._metrics.batches.observe(len(batch))
        for cost in filter(None, (job.cost for job in batch)):
            self._metrics.tokens.inc(cost.tokens)
            self._metrics.tiles.inc(cost.tiles)

    def _abandon(self) -> None:
        """No job will be done any more: say so to /ping and to whoever waits."""
        self._health.move(State.DEFUNCT)
        stopped = ModelDefunct("The model stopped before this request's turn.")
        self._desk.abandon(stopped)
        for job in self.line.drain():
            job.future.set_exception(stopped)


def call(batch: list[Job]) -> Sequence[Any]:
    """One result a job, all of the same runner. A single job goes the plain way, which every runner has."""
    runner = batch[0].runner
    if len(batch) == 1:
        return [runner.run(batch[0].inputs)]
    if not isinstance(runner, BatchRunner):
        raise TypeError(f"{type(runner).__name__} takes one request at a time")
    values = runner.run_batch([job.inputs for job in batch])
    if len(values) != len(batch):
        raise ValueError(f"{len(values)} results for {len(batch)} requests")
    return values
