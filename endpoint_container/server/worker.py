"""The one thread that owns the model: it loads it, tests it, and then does one job after another."""

import logging
import math
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from models.errors import EndpointError, LoadError, ModelDefunct
from models.interface import LoadedModel
from server.health import Health, State
from server.log import describe, log

# Weight of the newest job in the running mean of a job's duration.
NEWEST = 0.2
STARTING_RETRY_S = 5


@dataclass(frozen=True)
class Done:
    """What a job returned, and how long it had waited for the thread."""

    value: Any
    queue_ms: float


@dataclass
class Job:
    """A call for the model thread; cancelling `future` before its turn takes it out of the line."""

    call: Callable[[], Any]
    future: Future[Done] = field(default_factory=Future)
    submitted: float = field(default_factory=perf_counter)


class ModelWorker:
    """Runs jobs one at a time; at most `max_queue` requests wait besides the one that is served."""

    def __init__(self, load_model: Callable[[], LoadedModel], health: Health, max_queue: int) -> None:
        self._load_model = load_model
        self._health = health
        self._slots = max_queue + 1
        self._taken = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
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

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the places, from before the photos are decoded until the answer is out.

        Raises `overloaded`, with the time after which a place should be free.
        """
        with self._lock:
            if self._taken >= self._slots:
                detail = f"{self._slots} requests are served or waiting."
                raise EndpointError("overloaded", detail, retry_after_s=max(1, math.ceil(self._mean_s * self._taken)))
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1

    def submit(self, call: Callable[[], Any]) -> Future[Done]:
        """Put a call in line for the model thread."""
        job = Job(call)
        self._jobs.put(job)
        if not self._thread.is_alive():
            self._abandon()
        return job.future

    def stop(self, timeout_s: float) -> bool:
        """Finish what is in line, then end the thread; says whether it ended in time."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        if self._set_up():
            while (job := self._jobs.get()) is not None and self._do(job):
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
            log("loaded", seconds=round(perf_counter() - started, 3), **vars(model.identity))
            return self._health.move(State.READY)
        self._health.move(State.SETUP_FAILED)
        return False

    def _do(self, job: Job) -> bool:
        """Run a job and hand its outcome over; says whether the model can take another one."""
        if not job.future.set_running_or_notify_cancel():
            return True
        started = perf_counter()
        self._health.move(State.BUSY)
        try:
            value = job.call()
        except ModelDefunct as error:
            job.future.set_exception(error)
            return False
        except EndpointError as error:
            job.future.set_exception(error)
        except Exception as error:
            log("model_failed", logging.ERROR, **describe(error))
            job.future.set_exception(EndpointError("model_failed", "The model failed on this request."))
        except BaseException as error:
            log("model_died", logging.CRITICAL, **describe(error))
            job.future.set_exception(ModelDefunct("The model's thread ended."))
            return False
        else:
            job.future.set_result(Done(value, (started - job.submitted) * 1000))
        self._mean_s += NEWEST * (perf_counter() - started - self._mean_s)
        self._health.move(State.READY)
        return True

    def _abandon(self) -> None:
        """No job will be done any more: say so to /ping and to whoever waits."""
        self._health.move(State.DEFUNCT)
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(ModelDefunct("The model stopped before this request's turn."))
