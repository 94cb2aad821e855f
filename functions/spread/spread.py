"""One message, one slice of a batch's work: read on, wait for the ends, or stop what is under way; then the results."""

from collections.abc import Callable
from uuid import uuid4

from core.batch_objects import BatchObjects
from core.batch_queue import BatchQueue, tell
from core.batches import UNREAD, BatchState, LostBatch
from core.endings import Endings
from core.errors import Unavailable
from core.observability import logger, metrics
from spread.batch_work import BatchWork, ClaimedBatch
from spread.read import AWAY_WAIT_S, ReadLines
from spread.results import Results

LONGEST_PAUSE_S = 30
LINES_A_SECOND = 20  # how many ends are waited for by each second of a pause
CANCELLED_AT_ONCE = 100


class Spread:
    """Moves a batch on, once at a time."""

    def __init__(
        self,
        *,
        work: BatchWork,
        read: ReadLines,
        endings: Endings,
        results: Results,
        objects: BatchObjects,
        queue: BatchQueue,
        on_ends: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_ends` is called after commits that ended the batch or inspections of it; nothing may depend on it."""
        self._work = work
        self._read = read
        self._endings = endings
        self._results = results
        self._objects = objects
        self._queue = queue
        self._on_ends = on_ends

    def run(self, batch_id: str, more_time: Callable[[], bool]) -> None:
        """As long as `more_time` says so; what is left is asked for by another message.

        Returning means that the message is done with. Raises UnknownBatch; Unavailable where the database is away.
        """
        logger.append_keys(batch_id=batch_id)
        batch = self._work.claim(batch_id, uuid4().hex)
        if batch is None:
            return
        try:
            delay_s = self._move_on(batch, more_time)
        except LostBatch:
            logger.info("the batch was cancelled, or is another worker's")
            delay_s = 0
        except Unavailable as error:
            delay_s = error.retry_after_s or AWAY_WAIT_S
        if delay_s is not None and self._work.release(batch, delay_s):
            tell(self._queue, batch_id, client_id=batch.client_id, delay_s=delay_s)

    def _move_on(self, batch: ClaimedBatch, more_time: Callable[[], bool]) -> int | None:
        """Seconds until there may be more to do; None where the batch has come to its end."""
        if batch.state in UNREAD and (wait_s := self._read(batch, more_time)) is not None:
            return wait_s
        if batch.state is BatchState.CANCELLED:
            self._cancel_all(batch, more_time)
        most = LONGEST_PAUSE_S * LINES_A_SECOND
        if unfinished := len(self._work.unfinished(batch.batch_id, most)):
            return 0 if batch.state is BatchState.CANCELLED else max(1, unfinished // LINES_A_SECOND)
        if not more_time():
            return 0
        self._results.write(batch.client_id, batch.batch_id)
        # Its photos are kept elsewhere by now, each where its client can have it erased.
        self._objects.delete(batch.manifest_key)
        self._work.finish(batch)
        self._on_ends()
        metrics.add_metric("BatchesFinished", "Count", 1)
        return None

    def _cancel_all(self, batch: ClaimedBatch, more_time: Callable[[], bool]) -> None:
        while more_time() and (unfinished := self._work.unfinished(batch.batch_id, CANCELLED_AT_ONCE)):
            for inspection_id in unfinished:
                self._endings.cancel(batch.client_id, inspection_id)
            self._on_ends()
