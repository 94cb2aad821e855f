"""Lambda's asynchronous invocation: accepted at once, run later, tried again after a failure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import heapq
import itertools
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scrutineer.local.errors import LocalStackError, Throttled
from scrutineer.local.function_pool import FunctionPool

# After the first failure of the function, and after the second.
FAILURE_DELAYS_S = (60.0, 120.0)
THROTTLE_DELAY_S = 1.0
WORKERS = 16
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Event:
    pool: FunctionPool
    payload: bytes
    accepted: float
    failures: int = 0


class AsyncInvoker:
    """`failure_delays_s` may be shortened for tests."""

    def __init__(self, failure_delays_s: tuple[float, ...] = FAILURE_DELAYS_S) -> None:
        self._delays_s = failure_delays_s
        self._due: list[tuple[float, int, _Event]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="async-invoke")
        self._thread = threading.Thread(target=self._run, name="async-invoker", daemon=True)
        self._thread.start()

    def invoke(self, pool: FunctionPool, payload: bytes) -> None:
        now = time.monotonic()
        self._schedule(now, _Event(pool, payload, now))

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(5)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _schedule(self, at: float, event: _Event) -> None:
        with self._changed:
            heapq.heappush(self._due, (at, next(self._order), event))
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._stopped:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is None or wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                _, _, event = heapq.heappop(self._due)
                self._workers.submit(self._attempt, event)

    def _attempt(self, event: _Event) -> None:
        spec = event.pool.spec
        try:
            result = event.pool.invoke(event.payload)
        except Throttled:
            self._retry(event, THROTTLE_DELAY_S, event.failures)
            return
        except LocalStackError as error:
            log.warning("%s: %s", spec.logical_id, error)
            return
        if not result.function_error:
            return
        if event.failures < min(spec.async_retries, len(self._delays_s)):
            self._retry(event, self._delays_s[event.failures], event.failures + 1)
        else:
            log.warning("%s: an asynchronous event failed %d times", spec.logical_id, event.failures + 1)

    def _retry(self, event: _Event, delay_s: float, failures: int) -> None:
        at = time.monotonic() + delay_s
        if at - event.accepted <= event.pool.spec.async_max_age_s and not self._stopped:
            self._schedule(at, _Event(event.pool, event.payload, event.accepted, failures))
