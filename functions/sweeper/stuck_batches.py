"""The batches that no message will move any more: due for a while, and nobody at work on them."""

from core.batch_queue import BatchQueue, tell
from core.database import Database
from core.observability import logger

AT_ONCE = 100


class StuckBatches:
    """Over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database, queue: BatchQueue) -> None:
        self._database = database
        self._queue = queue

    def send_again(self, after_s: int) -> int:
        """One round over those that were due `after_s` seconds ago, the longest overdue first; how many were sent.

        Of two messages for one batch the second finds nothing to claim (spread/batch_work.py).
        """
        rows = self._database.all(
            "SELECT batch_id, client_id FROM batches WHERE next_at < UTC_TIMESTAMP(6) - INTERVAL %s SECOND"
            f" AND (lease_until IS NULL OR lease_until < UTC_TIMESTAMP(6)) ORDER BY next_at LIMIT {AT_ONCE}",
            (after_s,),
        )
        for row in rows:
            tell(self._queue, row["batch_id"], client_id=row["client_id"])
        if rows:
            logger.warning("batches were stuck", sent=len(rows))
        return len(rows)
