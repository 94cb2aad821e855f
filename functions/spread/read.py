"""Reading a manifest on from where it was left: each line an inspection, or a row that says why not."""

from collections.abc import Callable

from core.accept import Accept
from core.batch_objects import BatchObjects, ManifestGone
from core.batches import BatchLine, BatchState, LostBatch
from core.errors import IdempotencyConflict, ScrutineerError, TooManyRunning, Unavailable
from core.observability import logger, where
from core.usage import Allowance, UsageRecords
from spread.batch_work import BatchWork, ClaimedBatch
from spread.line_input import custom_id_of, parse

NOTED_EVERY = 25  # lines; what lies between two notes is found by its rows
PLACES_WAIT_S = 3
AWAY_WAIT_S = 5


class ReadLines:
    """Turns lines into inspections."""

    def __init__(
        self,
        work: BatchWork,
        accept: Accept,
        usage: UsageRecords,
        objects: BatchObjects,
        *,
        noted_every: int = NOTED_EVERY,
    ) -> None:
        self._noted_every = noted_every
        self._work = work
        self._accept = accept
        self._usage = usage
        self._objects = objects

    def __call__(self, batch: ClaimedBatch, more_time: Callable[[], bool]) -> int | None:
        """Read as long as there is time and the client has places. Seconds until it may go on, or None at the end.

        Raises LostBatch where the batch is cancelled or another's; Unavailable.
        """
        done = self._work.lines_done(batch)
        line, read_bytes = batch.lines_read, batch.bytes_read
        wait_s = 0
        try:
            for content in self._objects.lines(batch.manifest_key, read_bytes):
                if not more_time():
                    break
                if line + 1 not in done:
                    self._take(batch, line + 1, content)
                line, read_bytes = line + 1, read_bytes + len(content)
                if line % self._noted_every == 0:
                    self._work.note(batch, BatchState.READING, line, read_bytes)
        except ManifestGone as error:
            for gone in range(line + 1, batch.line_count + 1):
                self._work.refuse(BatchLine(batch.batch_id, gone, None, batch.owner), error.code, error.detail)
            line = batch.line_count
        except TooManyRunning:
            wait_s = PLACES_WAIT_S
        except Unavailable as error:
            logger.warning("reading goes on later", code=error.code)
            wait_s = error.retry_after_s or AWAY_WAIT_S
        at_end = line == batch.line_count
        self._work.note(batch, BatchState.RUNNING if at_end else BatchState.READING, line, read_bytes)
        return None if at_end else wait_s

    def _take(self, batch: ClaimedBatch, number: int, content: bytes) -> None:
        """Raises TooManyRunning, Unavailable, LostBatch: the line waits for another time."""
        line = BatchLine(batch.batch_id, number, custom_id_of(content), batch.owner)
        try:
            request = parse(number, content)
            allowance = self._usage.allowance(batch.client_id)
            leave_places(allowance)
            acceptance = self._accept(request, batch.client_id, allowance, line.idempotency_key, batch_line=line)
            if acceptance.stored is None:
                raise IdempotencyConflict("Another request came with this line's idempotency key.")
        except (TooManyRunning, LostBatch):
            raise
        except ScrutineerError as error:
            if error.code == Unavailable.code:  # one of ours is away; what else may pass is the line's own, as its URL
                raise
            self._work.refuse(line, error.code, error.detail)
        except Exception as error:  # a bug must cost its line, not the batch
            logger.error("a line failed", line=number, error_type=type(error).__name__, where=where(error))
            self._work.refuse(line, ScrutineerError.code, "The line could not be accepted.")


def leave_places(allowance: Allowance) -> None:
    """A batch leaves a quarter of its client's places to inspections that somebody waits for. Raises TooManyRunning."""
    for limit in allowance.limits:
        if limit.window_s is None and limit.used >= limit.most - limit.most // 4:
            raise TooManyRunning("The batch goes on when places are free.", retry_after_s=PLACES_WAIT_S)
